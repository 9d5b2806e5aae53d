"""Networks of the loss terms, and what one of them makes of the training faces."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from faceswap.data.source import FaceSource
from faceswap.models.crowd import CROWD
from faceswap.recognizers.embedder import Embedder, build_embedder
from faceswap.training.losses.lpips import load_lpips
from faceswap.training.losses.networks import IdentityNetwork, LossNetworks
from faceswap.training.losses.weights import LossWeights

_FACES = 64  # averaged into the mean of an identity


def open_loss_networks(
    losses: Collection[LossWeights],
    name: str,
    sources: Mapping[str, FaceSource],
    training: Mapping[str, NDArray[np.int64]],
    device: torch.device,
) -> LossNetworks:
    """Loads the networks that a training needs; none if no term needs one.

    Args:
        losses: Weights of the terms, of all phases.
        name: Name of the recognition network.
        sources: Faces of each identity, in the model's order.
        training: Indices of the training faces of each identity.
        device: Device of the training.

    Raises:
        ConfigError: There is no such recognition network.
        MissingExtraError: It needs a package that is not installed.
        WeightsUnavailable: Weights are not on this machine and cannot be downloaded.
    """
    lpips = load_lpips().to(device) if any(weights.lpips for weights in losses) else None
    identity = None
    if any(weights.needs_identity for weights in losses):
        embedder = build_embedder(name).to(device)
        coverage = next(iter(sources.values())).geometry.coverage
        means = [
            _mean(embedder, sources[who], indices, device) for who, indices in training.items()
        ]
        targets = torch.tensor([who != CROWD for who in training], device=device)
        identity = IdentityNetwork(embedder, coverage, torch.stack(means), targets)
    return LossNetworks(lpips, identity)


@torch.no_grad()
def _mean(
    embedder: Embedder, source: FaceSource, indices: NDArray[np.int64], device: torch.device
) -> torch.Tensor:
    """Mean embedding of some faces, ``(D,)`` of length 1."""
    chosen = source.representatives(indices, _FACES)
    geometry, faces = source.geometry, source.open()
    first = (geometry.side - geometry.size) // 2
    # Without the margin of the cached crops: decoded faces have none, and the network sees borders.
    inner = slice(first, first + geometry.size)
    found = np.stack([faces[index][inner, inner, :3] for index in chosen.tolist()])
    crops = torch.from_numpy(found).to(device)
    embeddings = embedder(crops.permute(0, 3, 1, 2).float() / 255, geometry.coverage)
    return normalize(embeddings.mean(0), dim=0)
