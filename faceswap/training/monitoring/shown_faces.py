"""Faces that are measured and shown during a training."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.data.source import FaceSource
from faceswap.models.guides import Guides
from faceswap.training.inputs.guide_data import GuideData


@dataclass(frozen=True)
class ShownFaces:
    """Faces of one identity without augmentation, as conversion crops them.

    Attributes:
        images: RGB and mask, ``(N, 4, S, S) float32`` in [0, 1].
        guides: Their guides by the identity to decode them as; empty for models without.
    """

    images: Tensor
    guides: Mapping[str, Guides] = field(default_factory=dict)

    def thinned(self, at_most: int) -> "ShownFaces":
        """Evenly spaced ones of these, if there are more than ``at_most``."""
        every = slice(None, None, ceil(len(self.images) / at_most))
        guides = {name: each.of(every) for name, each in self.guides.items()}
        return ShownFaces(self.images[every], guides)


def shown_faces(
    source: FaceSource,
    indices: NDArray[np.int64],
    at_most: int,
    size: int,
    name: str = "",
    guide_data: GuideData | None = None,
) -> ShownFaces:
    """Some faces with their guides.

    Args:
        source: Faces of one identity.
        indices: Indices of the faces; some of them, see ``FaceSource.representatives``.
        at_most: Largest number of faces.
        size: Side of the images in pixels.
        name: Name of the identity.
        guide_data: Geometry and references of all faces; None for models without guides.
    """
    chosen = source.representatives(indices, at_most)
    guides = {} if guide_data is None else guide_data.best(name, chosen)
    return ShownFaces(_untouched(source, chosen, size), guides)


def _untouched(source: FaceSource, indices: NDArray[np.int64], size: int) -> Tensor:
    side, trained = source.geometry.side, source.geometry.size
    first = (side - trained) // 2
    inner = slice(first, first + trained)
    crops = source.open()
    faces = np.stack([crops[face][inner, inner, :4] for face in indices.tolist()])
    tensor = as_tensor(faces)
    if size == trained:
        return tensor
    return torch.nn.functional.interpolate(
        tensor, (size, size), mode="bilinear", antialias=True, align_corners=False
    )


def as_tensor(faces: NDArray[np.uint8]) -> Tensor:
    """Faces ``(N, S, S, C) uint8`` as ``(N, C, S, S) float32`` in [0, 1]."""
    return torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
