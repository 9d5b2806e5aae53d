"""CIE Lab, in which distances are those that people see."""

import torch
from torch import Tensor

# sRGB primaries and D65 white (IEC 61966-2-1), linear RGB -> XYZ relative to the white point.
_RGB_TO_XYZ = torch.tensor(
    [
        [0.4124564, 0.3575761, 0.1804375],
        [0.2126729, 0.7151522, 0.0721750],
        [0.0193339, 0.1191920, 0.9503041],
    ],
    dtype=torch.float64,
)
_WHITE = _RGB_TO_XYZ.sum(1, keepdim=True)
_RGB_TO_RELATIVE_XYZ = _RGB_TO_XYZ / _WHITE
_RELATIVE_XYZ_TO_RGB = torch.linalg.inv(_RGB_TO_RELATIVE_XYZ)
_DELTA = 6 / 29


def rgb_to_lab(rgb: Tensor) -> Tensor:
    """Maps sRGB ``(B, 3, H, W)`` in [0, 1] to CIE Lab under D65, L in [0, 100]."""
    curved = ((rgb + 0.055) / 1.055).clamp_min_(0).pow_(2.4)
    linear = torch.where(rgb > 0.04045, curved, rgb / 12.92)
    xyz = _mix(_RGB_TO_RELATIVE_XYZ, linear)
    root = xyz.clamp_min(1e-8).pow_(1 / 3)
    f = torch.where(xyz > _DELTA**3, root, xyz / (3 * _DELTA**2) + 4 / 29)
    x, y, z = f.unbind(1)
    return torch.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], 1)


def lab_to_rgb(values: Tensor) -> Tensor:
    """Maps CIE Lab under D65 to sRGB; out-of-gamut values are not clamped."""
    lightness, a, b = values.unbind(1)
    y = (lightness + 16) / 116
    f = torch.stack([y + a / 500, y, y - b / 200], 1)
    xyz = torch.where(f > _DELTA, f**3, 3 * _DELTA**2 * (f - 4 / 29))
    linear = _mix(_RELATIVE_XYZ_TO_RGB, xyz)
    curved = linear.clamp_min(0.0031308).pow_(1 / 2.4).mul_(1.055).sub_(0.055)
    return torch.where(linear > 0.0031308, curved, 12.92 * linear)


def _mix(matrix: Tensor, image: Tensor) -> Tensor:
    return torch.einsum("ij,bjhw->bihw", matrix.to(image), image)
