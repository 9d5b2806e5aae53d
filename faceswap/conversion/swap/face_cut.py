"""Cuts the faces of a frame for the networks, before one is blended beside another."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.geometry.alignment import (
    compose,
    in_pixels,
    invert,
    matrix_scale,
    normalised_matrix,
    of_stored,
    place_face,
    transform_points,
    warp,
)
from faceswap.media.frame import Frame

Crop = NDArray[np.float32]
Matrix = NDArray[np.floating]

_CORNERS = np.array([[-1, -1], [1, -1], [-1, 1], [1, 1]])
_MARGIN = 3  # px beyond a crop that its sampling may read
_LARGEST = 1024  # px: enhancers see no larger faces


@dataclass(frozen=True)
class FaceCut:
    """A face to swap, cut from its frame.

    Attributes:
        face: The face.
        frame: Index of the frame.
        size: Height and width of the frame.
        matrix: Matrix from pixels of the frame as it is stored to normalised coordinates of the
            crop, ``(2, 3)``.
        across: Side of the crop in pixels of the frame.
        detail: Side of the swapped face in pixels.
        crop: Crop that is encoded, ``(s, s, 3) float32 RGB`` in [0, 1].
        detailed: Crop of the resolution of the swapped face or more, ``(d, d, 3) float32 RGB``.
        landmarks: Landmarks, ``(68, 2)`` in pixels of ``crop``.
        mesh: Face mesh, ``(478, 2)`` in pixels of ``crop``; None if the landmarker gives none.
    """

    face: SourceFace
    frame: int
    size: tuple[int, int]
    matrix: Matrix
    across: float
    detail: int
    crop: Crop
    detailed: Crop
    landmarks: NDArray[np.floating]
    mesh: NDArray[np.floating] | None


class FaceCutter:
    """Cuts faces for one model.

    Args:
        coverage: Side of the crops in face squares.
        input_size: Side of the encoded crops in pixels.
        detail: Largest side of the swapped faces in pixels.
        scalable: Whether the model can make them smaller.
        full: Whether ``FaceCut.detailed`` has at least the resolution of the frame.
    """

    def __init__(
        self, coverage: float, input_size: int, detail: int, *, scalable: bool, full: bool
    ) -> None:
        self._coverage, self._input, self._detail = coverage, input_size, detail
        self._scalable, self._full = scalable, full

    def __call__(self, frame: Frame, faces: Sequence[SourceFace]) -> list[FaceCut]:
        """Cuts the faces of a frame."""
        if not faces:
            return []
        placed = [normalised_matrix(face.landmarks, self._coverage) for face in faces]
        picture = frame.picture
        stored = [of_stored(matrix, frame.pixel_aspect) for matrix in placed]
        size = (picture.height, picture.width)
        x0, y0, x1, y1 = _covered(stored, size)
        region = picture.read(x0, y0, x1, y1)
        cuts = []
        for face, displayed, matrix in zip(faces, placed, stored, strict=True):
            across = 2 / matrix_scale(displayed)
            detail, sides = self._sides(across)
            moved = compose(matrix, [[1, 0, x0], [0, 1, y0]])
            crops = [warp(region, in_pixels(moved, side), side).clip(0, 1) for side in sides]
            points, mesh = place_face(in_pixels(displayed, self._input), face.landmarks, face.mesh)
            cut = FaceCut(
                face, frame.index, size, matrix, across, detail, crops[0], crops[-1], points, mesh
            )
            cuts.append(cut)
        return cuts

    def _sides(self, across: float) -> tuple[int, list[int]]:
        """Side of a swapped face, and those of its crops, ascending.

        Args:
            across: Side of the crop in pixels of the frame.
        """
        # The least that has the resolution of the frame.
        detail = self._detail
        while self._scalable and detail // 2 >= max(across, self._input):
            detail //= 2
        largest = max(self._input, detail)
        while self._full and largest < min(across, _LARGEST):
            largest *= 2
        return detail, sorted({self._input, largest})


def _covered(matrices: Iterable[Matrix], size: tuple[int, int]) -> tuple[int, int, int, int]:
    """Region of a frame that crops cover, ``(x0, y0, x1, y1)``; at least one pixel."""
    corners = np.concatenate([transform_points(invert(matrix), _CORNERS) for matrix in matrices])
    least, most = corners.min(0) - _MARGIN, corners.max(0) + _MARGIN
    x0, y0 = (int(np.clip(np.floor(v), 0, n - 1)) for v, n in zip(least, size[::-1], strict=True))
    x1, y1 = (int(np.clip(np.ceil(v), 0, n - 1)) for v, n in zip(most, size[::-1], strict=True))
    return x0, y0, x1 + 1, y1 + 1


def visible_part(matrix: Matrix, size: tuple[int, int], side: int) -> Tensor:
    """Part of a crop that is in the frame, ``(1, side, side) float32``: 1 inside and 0 beyond.

    Args:
        matrix: Matrix from pixels of the frame to normalised coordinates of the crop, ``(2, 3)``.
        size: Height and width of the frame.
        side: Side of the result.
    """
    if _inside(transform_points(invert(matrix), _CORNERS), size).all():
        return torch.ones(1, side, side)
    to_frame = invert(in_pixels(matrix, side))
    ys, xs = np.mgrid[:side, :side]
    inside = _inside(transform_points(to_frame, np.stack([xs, ys], -1).reshape(-1, 2)), size)
    return torch.from_numpy(inside.reshape(1, side, side).astype(np.float32))


def _inside(places: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.bool_]:
    within = (places > -0.5) & (places < np.array(size[::-1]) - 0.5)
    return within[:, 0] & within[:, 1]
