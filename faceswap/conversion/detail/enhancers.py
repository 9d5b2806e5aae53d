"""Enhancers: functions from the crop of a swapped face to a better one, by name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from faceswap.core.registry import Registry
from faceswap.models.inference import resize


@dataclass(frozen=True)
class FaceCrops:
    """Crops of swapped faces, and what belongs to them. Crops are square and upright.

    Attributes:
        faces: Swapped faces with the colours of the frame, ``(B, 3, S, S) float32 RGB`` in [0, 1].
        targets: The frame's own faces, of the same shape.
        masks: Soft face masks, ``(B, 1, S, S)`` in [0, 1].
        landmarks: Landmarks of the frame's own faces, ``(68, 2)`` in pixels of the crops.
        coverage: Side of the crops in face squares.
    """

    faces: Tensor
    targets: Tensor
    masks: Tensor
    landmarks: Sequence[NDArray[np.floating]]
    coverage: float

    def of(self, faces: Tensor) -> "FaceCrops":
        """The same crops with other swapped faces, of any size."""
        size = faces.shape[-1]
        if size == self.faces.shape[-1]:
            return replace(self, faces=faces)
        scale = size / self.faces.shape[-1]
        return FaceCrops(
            faces,
            resize(self.targets, size),
            resize(self.masks, size),
            [(points + 0.5) * scale - 0.5 for points in self.landmarks],
            self.coverage,
        )


Enhancer = Callable[[FaceCrops], Tensor]
"""Maps crops to new faces, ``(B, 3, s, s) float32 RGB`` in [0, 1], of any size."""

enhancers: Registry[Callable[[float], Enhancer]] = Registry("enhancer")
"""Builders of enhancers; each takes the strength, 0 to 1."""
