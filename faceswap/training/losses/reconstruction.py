"""Losses of a batch: all terms of the decoded faces, weighted by pixel and by term.

Images are ``(..., C, H, W) float32``; weight maps are ``(..., 1, H, W)``. Every term is one value
per image, so that the mean over a batch does not depend on how the batch is split over processes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction
from faceswap.training.losses.networks import NO_NETWORKS, LossNetworks
from faceswap.training.losses.pixels import l1, l2
from faceswap.training.losses.structure import dssim
from faceswap.training.losses.style import background_style, face_style
from faceswap.training.losses.terms import chosen_terms
from faceswap.training.losses.weights import LossWeights


class Losses(NamedTuple):
    """Losses of a batch.

    Attributes:
        total: Loss of each identity, ``(I,)``: mean over its faces of the weighted terms.
        terms: Mean of each computed term over the faces of each identity, before its weight, by
            the name of its setting, ``(I,)`` each, without gradients.
    """

    total: Tensor
    terms: dict[str, Tensor]


def reconstruction_losses(
    decoded: Reconstruction,
    batch: Batch,
    weights: LossWeights,
    networks: LossNetworks = NO_NETWORKS,
) -> Losses:
    """Losses of decoded faces, in float32 even under autocast.

    Args:
        decoded: Output of the model, ``(I, B, ...)``, with ``LossWeights.swaps`` swaps.
        batch: Targets.
        weights: Weights of the terms.
        networks: Networks of the terms that need one.
    """
    losses = torch.zeros(batch.target.shape[:2], device=batch.target.device)
    terms = {}
    with torch.autocast(batch.target.device.type, enabled=False):
        for name, weight, values in _terms(decoded, batch, weights, networks):
            losses = losses + weight * values
            terms[name] = values.detach().mean(1)
    return Losses(losses.mean(1), terms)


_Values = Iterator[tuple[str, float, Tensor]]


def _terms(
    decoded: Reconstruction, batch: Batch, weights: LossWeights, networks: LossNetworks
) -> _Values:
    """Name, weight and values ``(I, B)`` of each term that is not 0."""
    where = weights.map(batch.mask, batch.features)
    for name, weight, term in chosen_terms(weights):
        yield name, weight, term(decoded.face, batch.target, where)
    if weights.background:
        yield "background", weights.background, l2(decoded.face, batch.target, 1 - batch.mask)
    if decoded.penalty is not None:
        yield "penalty", 1.0, decoded.penalty
    if weights.mask and decoded.mask is not None:
        yield "mask", weights.mask, l1(decoded.mask, batch.mask)
    yield from _network_terms(decoded, batch, weights, networks, where)
    if decoded.swapped is not None:
        for name, weight, values in _swap_terms(decoded.swapped, batch, weights, networks, where):
            # Mean over all slots, swapped or not, so that it does not depend on the batch's split.
            yield name, weight, pad(values, (0, where.shape[1] - values.shape[1]))


def _network_terms(
    decoded: Reconstruction,
    batch: Batch,
    weights: LossWeights,
    networks: LossNetworks,
    where: Tensor,
) -> _Values:
    if weights.lpips:
        assert networks.lpips is not None
        distances = networks.lpips.distances(decoded.face, batch.target, where)
        yield "lpips", weights.lpips, distances
    if weights.identity:
        assert networks.identity is not None
        yield "identity", weights.identity, networks.identity.to_target(decoded.face, batch.target)


def _swap_terms(
    swapped: Tensor, batch: Batch, weights: LossWeights, networks: LossNetworks, where: Tensor
) -> _Values:
    """The terms of swaps ``(I, M, 3, s, s)``, of the first M faces."""
    if weights.swap and batch.matched:
        pairs = slice(batch.matched)
        # Structure only: light and colour of the two were augmented independently.
        dissimilarity = dssim(
            swapped[:, pairs], batch.target[:, pairs], where[:, pairs], weights.stride
        )
        yield "swap", weights.swap, dissimilarity
    if weights.identity_swap:
        assert networks.identity is not None
        yield "identity_swap", weights.identity_swap, networks.identity.to_identity(swapped)
    # A swap replaces the face of the preceding identity.
    replaced, mask = (x.roll(1, 0)[:, : swapped.shape[1]] for x in (batch.target, batch.mask))
    if weights.face_style:
        yield "face_style", weights.face_style, face_style(swapped, replaced, mask)
    if weights.background_style:
        differences = background_style(swapped, replaced, mask, weights.stride)
        yield "background_style", weights.background_style, differences
