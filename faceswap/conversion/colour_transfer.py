"""Colour transfer from the face of the frame to the swapped face, by name.

Every transfer maps ``face (B, 3, H, W)``, ``target (B, 3, H, W)`` and ``weight (B, 1, H, W)`` to a
new face ``(B, 3, H, W)``, all ``float32`` RGB in [0, 1]. Statistics are weighted by the face mask
``weight`` in [0, 1].
"""

from collections.abc import Callable

import torch
from torch import Tensor

from faceswap.core.registry import Registry

ColourTransfer = Callable[[Tensor, Tensor, Tensor], Tensor]

colour_transfers: Registry[ColourTransfer] = Registry("colour transfer")

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

# Side of the grid on which statistics are measured: larger faces are sampled, not averaged, since
# that would reduce their contrast.
_GRID = 128
# Limit of the contrast gain: a face in flat light would get hard eyes from one that is half in the
# dark, and the noise of a nearly flat one would be amplified.
_MAX_GAIN = 1.3


@colour_transfers.register
def none(face: Tensor, target: Tensor, weight: Tensor) -> Tensor:  # noqa: ARG001
    """Returns the face unchanged."""
    return face


@colour_transfers.register
def lab(face: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """Matches mean and standard deviation of each CIE Lab channel (Reinhard et al. 2001)."""
    step = max(1, face.shape[-1] // _GRID)
    source, weight = rgb_to_lab(face), weight[..., ::step, ::step]
    source_mean, source_deviation = _statistics(source[..., ::step, ::step], weight)
    wanted_mean, wanted_deviation = _statistics(rgb_to_lab(target[..., ::step, ::step]), weight)
    gain = (wanted_deviation / source_deviation.clamp_min(1e-3)).clamp(1 / _MAX_GAIN, _MAX_GAIN)
    return lab_to_rgb((source - source_mean) * gain + wanted_mean).clamp(0, 1)


def _statistics(image: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean and standard deviation per channel, each ``(B, 3, 1, 1)``."""
    total = weight.sum((2, 3), keepdim=True).clamp_min(1e-6)
    mean = (image * weight).sum((2, 3), keepdim=True) / total
    variance = ((image - mean).square() * weight).sum((2, 3), keepdim=True) / total
    return mean, variance.sqrt()


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
