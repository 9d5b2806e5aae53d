"""Networks of the loss terms, and what one of them makes of the training faces."""

from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from faceswap.data.cache import FaceCache
from faceswap.models.crowd import CROWD
from faceswap.recognizers.embedder import Embedder, build_embedder
from faceswap.training.losses.lpips import load_lpips
from faceswap.training.losses.networks import IdentityNetwork, LossNetworks
from faceswap.training.losses.weights import LossWeights

_FACES = 64  # averaged into the mean of an identity


def open_loss_networks(
    losses: Collection[LossWeights],
    name: str,
    caches: Mapping[str, FaceCache],
    training: Mapping[str, NDArray[np.int64]],
    device: torch.device,
) -> LossNetworks:
    """Loads the networks that a training needs; none if no term needs one.

    Args:
        losses: Weights of the terms, of all phases.
        name: Name of the recognition network.
        caches: Cached faces of each identity, in the model's order.
        training: Cache indices of the training faces of each identity.
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
        coverage = next(iter(caches.values())).geometry.coverage
        means = [_mean(embedder, caches[who], indices, device) for who, indices in training.items()]
        targets = torch.tensor([who != CROWD for who in training], device=device)
        identity = IdentityNetwork(embedder, coverage, torch.stack(means), targets)
    return LossNetworks(lpips, identity)


@torch.no_grad()
def _mean(
    embedder: Embedder, cache: FaceCache, indices: NDArray[np.int64], device: torch.device
) -> torch.Tensor:
    """Mean embedding of evenly spaced faces, ``(D,)`` of length 1."""
    chosen = indices[np.unique(np.linspace(0, len(indices) - 1, _FACES).astype(int))]
    geometry = cache.geometry
    first = (geometry.side - geometry.size) // 2
    # Without the margin of the cached crops: decoded faces have none, and the network sees borders.
    inner = slice(first, first + geometry.size)
    crops = torch.from_numpy(cache.open()[chosen, inner, inner, :3]).to(device)
    embeddings = embedder(crops.permute(0, 3, 1, 2).float() / 255, geometry.coverage)
    return normalize(embeddings.mean(0), dim=0)
