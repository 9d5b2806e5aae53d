"""Colours of the frame for swapped faces: measured, averaged over a track, and applied."""

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.colour.transfer import colour_transfers
from faceswap.conversion.colour.border_light import LIGHT_SHAPE, add_light, measure_light
from faceswap.conversion.colour.skin_weights import skin_weights
from faceswap.core.area import area_mean

TRANSFER = "sot"
"""Name of the default colour transfer."""

STEADY = 5
"""Number of frames on each side over which the colours of a track are averaged."""

_GRID = 64  # side of the grid on which colours are measured
_CELLS = 8  # on each side of a crop, in which swapped face and frame are compared over time

# What the parameters of a face begin with; those of the transfer and of the light follow.
_KNOWN = slice(1)  # known fraction of the face
_SHIFT = slice(1, 4)  # change of RGB that only this frame needs
_IN_CELLS = slice(
    4, 4 + 4 * _CELLS**2
)  # known fraction of each cell, and its difference times that


class ColourMatch:
    """Gives swapped faces the colours of the frame's own faces.

    Args:
        transfer: Name of the colour transfer of the whole face, which knows nothing of places.
        border_light: Whether the light at the border of the mask becomes that of the frame.

    Attributes:
        facts: Settings that the result depends on.

    Raises:
        ConfigError: The transfer is not registered.
    """

    def __init__(self, transfer: str = TRANSFER, *, border_light: bool = True) -> None:
        self._transfer = colour_transfers.get(transfer)()
        self._lit = border_light
        self.facts = {"transfer": transfer, "border_light": border_light}

    def measure(
        self, faces: Tensor, targets: Tensor, weights: Tensor, masks: Tensor, coverage: float
    ) -> Tensor:
        """Measures the parameters of the match.

        Args:
            faces: Swapped faces, ``(B, 3, S, S) float32 RGB`` in [0, 1].
            targets: The frame's own faces, ``(B, 3, s, s) float32 RGB`` in [0, 1].
            weights: Known part of the masks, ``(B, 1, m, m)`` in [0, 1].
            masks: Face masks, ``(B, 1, M, M)`` in [0, 1].
            coverage: Side of the crops in face squares.

        Returns:
            Parameters, ``(B, P) float32``, for ``average`` and ``apply``.
        """
        known = area_mean(weights, _GRID)
        faces, targets = _reduced(faces, weights), _reduced(targets, weights)
        cells = torch.cat([known, (targets - faces) * known], 1)
        cells = area_mean(cells, _CELLS).flatten(1)
        transfer = self._transfer.measure(faces, targets, skin_weights(faces, targets, known))
        shift = faces.new_zeros(len(faces), 3)
        parameters = [known.mean((2, 3)), shift, cells, transfer]
        if self._lit:
            matched = self._transfer.apply(faces, transfer)
            parameters.append(measure_light(matched, targets, known, masks, coverage).flatten(1))
        return torch.cat(parameters, 1)

    def average(self, parameters: Tensor, offsets: Sequence[int], radius: int) -> Tensor:
        """Parameters of a face that are steady over its track, ``(P,)``.

        Masks change from frame to frame, and with them what is measured: the mean does not. Light
        that changes from frame to frame is followed: it is what places that are known all the time
        have in common.

        Args:
            parameters: Parameters of the face in the frames around the present one, which is among
                them, ``(N, P)``. Columns behind those of ``measure`` are averaged.
            offsets: Frame of each, relative to the present one.
            radius: Number of frames on each side that count.
        """
        mean = average_in_time(parameters, offsets, radius)
        usual = mean[_IN_CELLS].unflatten(0, (4, -1))
        present = parameters[list(offsets).index(0), _IN_CELLS].unflatten(0, (4, -1))
        both = (usual[0] * present[0]).sum()
        # The differences of the cells, weighted by what is known of them now and usually.
        deviation = (usual[0] * present[1:] - present[0] * usual[1:]).sum(1)
        mean[_SHIFT] = deviation / both.clamp_min(1e-6)
        return mean

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:
        """Applies parameters ``(B, P)`` to swapped faces ``(B, 3, S, S) float32 RGB`` in [0, 1]."""
        sizes = [_IN_CELLS.stop, self._transfer.count]
        _, transfer, light = parameters.tensor_split([sizes[0], sum(sizes)], 1)
        # One by one: the temporaries of a face fit into the cache of a CPU.
        each = zip(faces.split(1), transfer.split(1), strict=True)
        matched = torch.cat([self._transfer.apply(*one) for one in each])
        if self._transfer.count:
            matched = matched + parameters[:, _SHIFT, None, None]
        if self._lit:
            matched = add_light(matched, light.unflatten(1, LIGHT_SHAPE))
        return matched.clamp(0, 1)


def average_in_time(parameters: Tensor, offsets: Sequence[int], radius: int) -> Tensor:
    """Mean of the parameters of a face over its track, ``(P,)``.

    Weights fall off with the distance in time (Hann) and are those of the less known face of each
    pair of frames around the present one, so a steady change passes unchanged.

    Args:
        parameters: Parameters in the frames around the present one, which is among them, ``(N,
            P)``; the first is the known fraction of the face.
        offsets: Frame of each, relative to the present one.
        radius: Number of frames on each side that count.
    """
    # All on the device: it is not waited for.
    window, opposite = _window(tuple(offsets), radius, parameters.device)
    known = parameters[:, _KNOWN].flatten()
    weights = window * torch.minimum(known, known[opposite])
    total = weights.sum()
    present = parameters[list(offsets).index(0)]
    return torch.where(total > 0, weights @ parameters / total.clamp_min(1e-12), present)


@lru_cache(maxsize=64)
def _window(offsets: tuple[int, ...], radius: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Weights of frames around the present one by their distance, and the index of its opposite."""
    places = {offset: index for index, offset in enumerate(offsets)}
    weights = [
        1 + math.cos(math.pi * offset / (radius + 1))
        if abs(offset) <= radius and -offset in places
        else 0.0
        for offset in offsets
    ]
    opposite = [places.get(-offset, places[0]) for offset in offsets]
    return torch.tensor(weights, device=device), torch.tensor(opposite, device=device)


def _reduced(images: Tensor, weights: Tensor) -> Tensor:
    """Images ``(B, 3, 64, 64)`` in which each pixel is the mean of those that have weight."""
    sides = images.shape[-2:]
    weights = F.interpolate(weights, sides, mode="bilinear", align_corners=False)
    known = area_mean(weights, _GRID)
    return area_mean(images * weights, _GRID) / known.clamp_min(1e-6)
