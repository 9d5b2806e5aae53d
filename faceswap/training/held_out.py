"""Metrics on held-out faces."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.data.cache import FaceCache
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.inference import decode, resize
from faceswap.training.losses import l1, ssim_map, weighted_mean

_CHUNK = 16


@dataclass(frozen=True)
class Quality:
    """Quality of reconstruction, averaged over faces and over the mask of each.

    Attributes:
        ssim: Structural similarity, at most 1; higher is better.
        l1: Mean absolute difference, 0 to 1; lower is better.
    """

    ssim: float
    l1: float


def untouched_faces(
    cache: FaceCache, indices: NDArray[np.int64], at_most: int, size: int
) -> Tensor:
    """Cached faces without augmentation, as conversion crops them.

    Args:
        cache: Cached faces of one identity.
        indices: Indices of the faces; evenly spaced ones if there are more than ``at_most``.
        at_most: Largest number of faces.
        size: Side of the result in pixels.

    Returns:
        ``(N, 4, size, size) float32`` in [0, 1]: RGB and mask.
    """
    chosen = indices[np.unique(np.linspace(0, len(indices) - 1, at_most).astype(int))]
    side, trained = cache.geometry.side, cache.geometry.size
    first = (side - trained) // 2
    inner = slice(first, first + trained)
    faces = np.stack([cache.open()[face, inner, inner, :4] for face in chosen])
    tensor = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    if size == trained:
        return tensor
    return torch.nn.functional.interpolate(
        tensor, (size, size), mode="bilinear", antialias=True, align_corners=False
    )


def evaluate(
    model: FaceAutoencoder, faces: Mapping[str, Tensor], device: torch.device, bf16: bool
) -> dict[str, Quality]:
    """Reconstructs held-out faces of each identity with its own decoder.

    Args:
        model: Face autoencoder.
        faces: Held-out faces of each identity, ``(N, 4, S, S)``; S is the larger of the model's
            input and output sizes.
        device: Device of the model.
        bf16: Whether to compute in bf16.
    """
    return {name: _evaluate(model, name, f, device, bf16) for name, f in faces.items()}


@torch.inference_mode()
def _evaluate(
    model: FaceAutoencoder, name: str, faces: Tensor, device: torch.device, bf16: bool
) -> Quality:
    ssims, l1s = [], []
    for chunk in faces.to(device).split(_CHUNK):
        decoded = decode(model, chunk[:, :3], name, bf16)
        target = resize(chunk, model.output_size)
        ssims.append(weighted_mean(ssim_map(decoded, target[:, :3]), target[:, 3:]))
        l1s.append(l1(decoded, target[:, :3], target[:, 3:]))
    return Quality(torch.cat(ssims).mean().item(), torch.cat(l1s).mean().item())
