"""Noise of pictures: its strength and its correlation between neighbouring pixels.

It is measured in small patches, as what a quadratic surface leaves of them, in the smoothest
patches of a picture: those show noise, and the others detail.
"""

from functools import lru_cache

import torch
from torch import Tensor

from faceswap.conversion.detail.luma import rgb_to_ycc

_SIDE = 8  # px of a patch
_ACROSS = 12  # patches along each side of a picture: the cost does not grow with its size
_SMOOTHEST = 0.3  # fraction of the patches
_COVERED = 0.9  # mean weight from which a patch counts
_DARKEST, _BRIGHTEST = 0.06, 0.94  # mean luma: noise is clipped beyond


def measure_noise(images: Tensor, weights: Tensor) -> Tensor:
    """Measures the noise of pictures.

    Args:
        images: Pictures, ``(B, 3, H, W) float32 RGB`` in [0, 1].
        weights: Weights of the pixels to measure, ``(B, 1, H, W)`` in [0, 1].

    Returns:
        ``(B, 3, 2)``: of luma and of both colour differences, the variance and the covariance of
        adjacent pixels. Both are 0 for a picture without a usable patch, and for one that is
        smaller than a patch. Fractions of them are lost with the quadratic surface: compare them
        with those of ``measure_noise`` only.
    """
    if min(images.shape[-2:]) < _SIDE:
        return images.new_zeros(len(images), 3, 2)
    patches, covered = rgb_to_ycc(_patches(images)), _patches(weights)[:, 0].mean(-1)
    brightness = patches[:, 0].mean(-1)
    usable = (covered >= _COVERED) & (brightness > _DARKEST) & (brightness < _BRIGHTEST)
    moments = _moments(patches)  # (B, 3, N, 2)
    order = moments[:, 0, :, 0].masked_fill(~usable, torch.inf).argsort(1)  # (B, N)
    count = usable.sum(1, keepdim=True)
    ranks = torch.arange(order.shape[1], device=patches.device)
    chosen = (ranks < (_SMOOTHEST * count).ceil()).to(patches)  # (B, N)
    ordered = moments.gather(2, order[:, None, :, None].expand_as(moments))
    total = torch.einsum("bn,bcnm->bcm", chosen, ordered)
    return total / chosen.sum(1).clamp_min(1)[:, None, None]


def _moments(patches: Tensor) -> Tensor:
    """Variance and covariance of adjacent pixels of what surfaces leave of patches."""
    rest = (patches @ _rest_of_surfaces().to(patches)).unflatten(-1, (_SIDE, _SIDE))
    across = (rest[..., 1:] * rest[..., :-1]).mean((-2, -1))
    down = (rest[..., 1:, :] * rest[..., :-1, :]).mean((-2, -1))
    return torch.stack([rest.square().mean((-2, -1)), (across + down) / 2], -1)


def _patches(images: Tensor) -> Tensor:
    """Evenly spaced patches, ``(B, C, N, side * side)``."""
    windows = images
    for axis in (2, 3):
        windows = windows.unfold(axis, _SIDE, max(_SIDE, images.shape[axis] // _ACROSS))
    return windows.flatten(4).flatten(2, 3)


@lru_cache(maxsize=1)
def _rest_of_surfaces() -> Tensor:
    """Projection of patches onto what is orthogonal to all quadratic surfaces, symmetric."""
    line = torch.linspace(-1, 1, _SIDE, dtype=torch.float64)
    y, x = torch.meshgrid(line, line, indexing="ij")
    surfaces = torch.stack([torch.ones_like(x), x, y, x * x, x * y, y * y], -1)
    basis = torch.linalg.qr(surfaces.flatten(0, 1)).Q  # (side * side, 6)
    return torch.eye(_SIDE**2) - basis @ basis.T
