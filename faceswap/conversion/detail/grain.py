"""Grain: noise like that of the footage, for faces that have less of it.

Noise fields have spots of different size, from none to those that compression leaves. Two of them
are added so that the sum has the variance that is missing, and the covariance of adjacent pixels.
Fields are the same on all devices.
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

_SIDE = 640  # px of a field, which is repeated beyond
_LEAST_PLACES = 128  # px: frames take grain from places that differ by up to as much or more
_SPOTS = (0.0, 0.5, 0.8, 1.2)  # standard deviations of the spots in pixels
# Deviations below which grain is left out, since nobody sees it and encoders remove it, and from
# which all of it is added; between them it fades in.
_INVISIBLE, _VISIBLE = 0.75 / 255, 1.25 / 255
_PROBE = 0.02  # standard deviation of the fields for measuring them


class Grain:
    """Noise fields on a device.

    Args:
        device: Device of the faces.
    """

    def __init__(self, device: torch.device | str = "cpu") -> None:
        fields, moments = _fields()
        self._fields, self._moments = fields.to(device), moments.to(device)

    def match(
        self, face: Tensor, target: Tensor, weights: Tensor, fraction: float, seed: tuple[int, ...]
    ) -> Tensor:
        """Adds the noise that a face lacks.

        Args:
            face: Face, ``(1, 3, H, W) float32 RGB`` in [0, 1].
            target: Picture of the same shape with the wanted noise.
            weights: Weights of the pixels to measure, ``(1, 1, H, W)`` in [0, 1].
            fraction: Fraction of the missing noise, 0 to 1.
            seed: Numbers that the grain depends on.

        Returns:
            Face of the same shape, in [0, 1]; itself where the missing noise is invisible.
        """
        (wanted,) = measure_noise(target, weights)
        if float(self.variances(wanted).sum(1).max()) < _INVISIBLE**2:
            return face  # before the face is measured too
        missing = wanted - measure_noise(face, weights)[0]
        return self.add(face, fraction**2 * self.variances(missing), seed)

    def variances(self, missing: Tensor) -> Tensor:
        """Variances of the fields whose sum has given moments.

        Args:
            missing: Differences of ``measure_noise``, ``(3, 2)``; negative variances count as 0.

        Returns:
            ``(3, F)``: of luma and colour differences, of each field.
        """
        wanted = missing[:, 0].clamp_min(0)
        correlation = missing[:, 1] / wanted.clamp_min(1e-12)
        variances, covariances = self._moments.unbind(-1)  # of fields of variance 1, (3, F)
        known = covariances / variances
        # The variance is always met, the correlation as far as the fields can.
        above = (correlation[:, None] >= known[:, 1:-1]).sum(1, keepdim=True)  # (3, 1)
        low, high = (known.gather(1, above + n)[:, 0] for n in (0, 1))
        part = ((correlation - low) / (high - low)).clamp(0, 1)[:, None]
        parts = torch.zeros_like(known).scatter(1, above, 1 - part).scatter(1, above + 1, part)
        return parts * wanted[:, None] / variances

    def add(self, face: Tensor, variances: Tensor, seed: tuple[int, ...]) -> Tensor:
        """Adds grain to a face.

        Args:
            face: Face, ``(1, 3, H, W) float32 RGB`` in [0, 1].
            variances: Variances of the fields, ``(3, F)``.
            seed: Numbers that the grain depends on.

        Returns:
            Face of the same shape, in [0, 1].
        """
        place = _place(seed, *face.shape[-2:])
        grained = face
        for channel, deviations in enumerate(variances.sqrt().tolist()):
            visible = _fraction_visible(math.hypot(*deviations))
            if not visible:
                continue
            layer = torch.zeros_like(face[:, :1])
            for field, deviation in zip(self._fields[channel], deviations, strict=True):
                if deviation:
                    layer.add_(_cut(field, place), alpha=visible * deviation)
            factors = YCC_TO_RGB[:, channel, None, None].to(face)
            grained = torch.addcmul(grained, factors, layer)
        return face if grained is face else grained.clamp_(0, 1)


def _place(seed: tuple[int, ...], height: int, width: int) -> tuple[range, range]:
    """Rows and columns of the repeated fields, from a place that the seed chooses."""
    tiles = [math.ceil((side + _LEAST_PLACES) / _SIDE) for side in (height, width)]
    places = [tiles[0] * _SIDE - height, tiles[1] * _SIDE - width]
    top, left = np.random.default_rng(seed).integers(places, endpoint=True).tolist()
    return range(top, top + height), range(left, left + width)


def _cut(field: Tensor, place: tuple[range, range]) -> Tensor:
    """A part of a repeated field; repeating all of it would copy much more than a large face."""
    for axis, along in enumerate(place):
        if along.stop <= _SIDE:
            field = field.narrow(axis, along.start, len(along))
        else:
            indices = torch.arange(along.start, along.stop, device=field.device) % _SIDE
            field = field.index_select(axis, indices)
    return field


def _fraction_visible(deviation: float) -> float:
    """Fraction of the grain of a channel that is added, 0 to 1."""
    return min(1.0, max(0.0, (deviation - _INVISIBLE) / (_VISIBLE - _INVISIBLE)))


@lru_cache(maxsize=1)
def _fields() -> tuple[Tensor, Tensor]:
    """Fields ``(3, F, side, side)`` and their moments ``(3, F, 2)``.

    Luma comes before the colour differences, and spots grow from field to field.
    """
    random = torch.Generator().manual_seed(0)
    white = torch.randn(len(_SPOTS), 3, _SIDE, _SIDE, generator=random)
    # Opposite edges of a repeated field fit together.
    radius = math.ceil(4 * max(_SPOTS))
    around = F.pad(white, (radius,) * 4, mode="circular")
    spots = gaussian_blur(around, torch.tensor(_SPOTS))[..., radius:-radius, radius:-radius]
    fields = spots / spots.std((2, 3), keepdim=True)
    shown = 0.5 + _PROBE * torch.einsum("ij,bjhw->bihw", YCC_TO_RGB.float(), fields)
    moments = measure_noise(shown, torch.ones(len(_SPOTS), 1, _SIDE, _SIDE)) / _PROBE**2
    return fields.transpose(0, 1).contiguous(), moments.transpose(0, 1)
