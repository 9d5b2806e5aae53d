"""What a decoder is shown beside the code: the geometry to show, and which references show it."""

from typing import NamedTuple

import torch
from torch import Tensor

SLOTS = 4
"""References of a face: two for the upper half of the face, then two for the lower half."""


class Guides(NamedTuple):
    """Geometry and references of a batch of faces.

    Attributes:
        shape: Mesh to show, ``(..., 478, 2) float32`` in normalised coordinates of the crop, whose
            outer corners are (-1, -1) and (1, 1); x before y.
        references: References of the identity to decode as, ``(..., SLOTS) int64``.
        weights: Weight of each reference within its half, ``(..., SLOTS) float32``; those of a half
            add up to 1.
    """

    shape: Tensor
    references: Tensor
    weights: Tensor

    def of(self, index: int | slice) -> "Guides":
        """Those at one index of the first dimension, or at a range."""
        return Guides(*(value[index] for value in self))

    def to(self, device: torch.device) -> "Guides":
        """The same on a device."""
        return Guides(*(value.to(device, non_blocking=True) for value in self))
