"""Luma and colour differences of full range (JPEG's, ITU-R BT.601)."""

import torch
from torch import Tensor

_TO_YCC = torch.tensor(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]],
    dtype=torch.float64,
)
YCC_TO_RGB = torch.linalg.inv(_TO_YCC)
"""Matrix ``(3, 3) float64`` of the inverse of ``rgb_to_ycc``."""


def luma(images: Tensor) -> Tensor:
    """Luma ``(B, 1, H, W)`` of ``(B, 3, H, W) float32 RGB`` in [0, 1]."""
    return torch.einsum("j,bjhw->bhw", _TO_YCC[0].to(images), images)[:, None]


def rgb_to_ycc(images: Tensor) -> Tensor:
    """Luma in [0, 1] and colour differences in [-0.5, 0.5], of ``(B, 3, H, W)`` RGB in [0, 1]."""
    return torch.einsum("ij,bjhw->bihw", _TO_YCC.to(images), images)


def ycc_to_rgb(images: Tensor) -> Tensor:
    """The inverse of ``rgb_to_ycc``, not clamped."""
    return torch.einsum("ij,bjhw->bihw", YCC_TO_RGB.to(images), images)
