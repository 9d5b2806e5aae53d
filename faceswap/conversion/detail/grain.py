"""Grain: noise like that of the footage, for faces that have less of it.

It is a sum of two fields: one without correlation, and one of spots about as large as those that
compression leaves. Their variances are solved for, so that the sum has the variance and the
covariance of adjacent pixels that are missing. Fields are the same on all devices.
"""

import math
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.luma import YCC_TO_RGB
from faceswap.conversion.detail.noise import measure_noise

_SIDE = 1024  # px of a field, which is repeated beyond
_LEAST_PLACES = 128  # px: frames take grain from places that differ by up to as much or more
_SPOTS = 1.0  # standard deviation of the spots in pixels
_PROBE = 0.02  # standard deviation of the fields for measuring them


class Grain:
    """Noise fields on a device.

    Args:
        device: Device of the faces.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        fields, moments = _fields()
        self._fields, self._moments = fields.to(device), moments.to(device)

    def variances(self, missing: Tensor) -> Tensor:
        """Variances of both fields whose sum has given moments.

        Args:
            missing: Differences of ``measure_noise``, ``(B, 3, 2)``; negative variances count as 0.

        Returns:
            ``(B, 2, 3)``: of the fine and the spotted field, of luma and colour differences.
        """
        fine, spotted = self._moments  # of fields of variance 1, each (3, 2)
        wanted = missing[..., 0].clamp_min(0)
        correlation = missing[..., 1] / wanted.clamp_min(1e-12)
        # The variance is always met, the correlation as far as two fields can.
        least, most = (moments[:, 1] / moments[:, 0] for moments in (fine, spotted))
        part = ((correlation - least) / (most - least)).clamp(0, 1)
        each = (1 - part) * wanted / fine[:, 0], part * wanted / spotted[:, 0]
        return torch.stack(each, 1)

    def add(self, faces: Tensor, variances: Tensor, seed: tuple[int, ...]) -> Tensor:
        """Adds grain to faces.

        Args:
            faces: Faces, ``(B, 3, H, W) float32 RGB`` in [0, 1].
            variances: Variances of the fields, ``(B, 2, 3)``.
            seed: Numbers that the grain depends on.

        Returns:
            Faces of the same shape, in [0, 1].
        """
        factors = torch.einsum("ic,bfc->bifc", YCC_TO_RGB.to(faces), variances.sqrt()).flatten(2)
        grain = torch.einsum("bik,khw->bihw", factors, self._cut(seed, *faces.shape[-2:]))
        return grain.add_(faces).clamp_(0, 1)

    def _cut(self, seed: tuple[int, ...], height: int, width: int) -> Tensor:
        """The fields from a place that the seed chooses, ``(6, height, width)``."""
        tiles = [math.ceil((side + _LEAST_PLACES) / _SIDE) for side in (height, width)]
        fields = self._fields.repeat(1, *tiles) if max(tiles) > 1 else self._fields
        places = [tiles[0] * _SIDE - height, tiles[1] * _SIDE - width]
        top, left = np.random.default_rng(seed).integers(places, endpoint=True).tolist()
        return fields[:, top : top + height, left : left + width]


@lru_cache(maxsize=1)
def _fields() -> tuple[Tensor, Tensor]:
    """Fields ``(6, side, side)`` and their moments ``(2, 3, 2)``.

    Luma and colour differences of the fine one come first, then those of the spotted one.
    """
    random = torch.Generator().manual_seed(0)
    white = torch.randn(2, 3, _SIDE, _SIDE, generator=random)
    # Opposite edges of a repeated field fit together.
    radius = round(4 * _SPOTS)
    around = F.pad(white[1:], (radius,) * 4, mode="circular")
    spots = gaussian_blur(around, torch.tensor([_SPOTS]))[..., radius:-radius, radius:-radius]
    fields = torch.cat([white[:1], spots / spots.std()])
    shown = 0.5 + _PROBE * torch.einsum("ij,bjhw->bihw", YCC_TO_RGB.float(), fields)
    moments = measure_noise(shown, torch.ones(2, 1, _SIDE, _SIDE)) / _PROBE**2
    return fields.flatten(0, 1), moments
