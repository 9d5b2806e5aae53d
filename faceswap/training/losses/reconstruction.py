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
from faceswap.training.losses.pixels import l1, l2
from faceswap.training.losses.structure import dssim
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


def reconstruction_losses(decoded: Reconstruction, batch: Batch, weights: LossWeights) -> Losses:
    """Losses of decoded faces, in float32 even under autocast.

    Args:
        decoded: Output of the model, ``(I, B, ...)``.
        batch: Targets.
        weights: Weights of the terms.
    """
    losses = torch.zeros(batch.target.shape[:2], device=batch.target.device)
    terms = {}
    with torch.autocast(batch.target.device.type, enabled=False):
        for name, weight, values in _terms(decoded, batch, weights):
            losses = losses + weight * values
            terms[name] = values.detach().mean(1)
    return Losses(losses.mean(1), terms)


def _terms(
    decoded: Reconstruction, batch: Batch, weights: LossWeights
) -> Iterator[tuple[str, float, Tensor]]:
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
    if weights.swap and decoded.swapped is not None:
        count = decoded.swapped.shape[1]
        # Structure only: light and colour of the two were augmented independently.
        dissimilarity = dssim(
            decoded.swapped, batch.target[:, :count], where[:, :count], weights.stride
        )
        # Mean over all slots, matched or not, so that it does not depend on the batch's split.
        yield "swap", weights.swap, pad(dissimilarity, (0, where.shape[1] - count))
