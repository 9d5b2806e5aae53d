"""Cuts faces from a frame for the networks, before one is blended beside another."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.faces import SourceFace
from faceswap.geometry.alignment import (
    in_pixels,
    invert,
    matrix_scale,
    normalised_matrix,
    of_stored,
    place_face,
    transform_points,
    warp,
)

Image = NDArray[np.uint8]
Matrix = NDArray[np.floating]


@dataclass(frozen=True)
class FaceCut:
    """A face to swap, cut from its frame.

    Attributes:
        face: The face.
        matrix: Matrix from pixels of the frame as it is stored to normalised coordinates of the
            crop, ``(2, 3)``.
        across: Side of the crop in pixels of the frame.
        detail: Side of the swapped face in pixels.
        crop: Crop that is encoded, ``(s, s, 3) uint8 RGB``.
        detailed: Crop of the resolution of the swapped face, or ``crop`` if that has more.
        landmarks: Landmarks, ``(68, 2)`` in pixels of ``crop``.
        mesh: Face mesh, ``(478, 2)`` in pixels of ``crop``; None if the landmarker gives none.
        size: Height and width of the frame.
    """

    face: SourceFace
    matrix: Matrix
    across: float
    detail: int
    crop: Image
    detailed: Image
    landmarks: NDArray[np.floating]
    mesh: NDArray[np.floating] | None
    size: tuple[int, int]


class FaceCutter:
    """Cuts faces for one model.

    Args:
        coverage: Side of the crops in face squares.
        input_size: Side of the encoded crops in pixels.
        detail: Largest side of the swapped faces in pixels.
        scalable: Whether the model can make them smaller.
    """

    def __init__(self, coverage: float, input_size: int, detail: int, *, scalable: bool) -> None:
        self._coverage, self._input, self._detail = coverage, input_size, detail
        self._scalable = scalable

    def __call__(self, frame: Image, face: SourceFace, pixel_aspect: float = 1.0) -> FaceCut:
        """Cuts a face.

        Args:
            frame: Frame, ``(H, W, 3) uint8 RGB``.
            face: The face.
            pixel_aspect: Width over height of a pixel of the frame.
        """
        size = self._input
        displayed = normalised_matrix(face.landmarks, self._coverage)
        matrix = of_stored(displayed, pixel_aspect)
        across = 2 / matrix_scale(displayed)
        # The least that has the resolution of the frame.
        detail = self._detail
        while self._scalable and detail // 2 >= max(across, size):
            detail //= 2
        sides = sorted({size, max(size, detail)})
        crops = [warp(frame, in_pixels(matrix, side), side) for side in sides]
        landmarks, mesh = place_face(in_pixels(displayed, size), face.landmarks, face.mesh)
        shape = frame.shape[:2]
        return FaceCut(face, matrix, across, detail, crops[0], crops[-1], landmarks, mesh, shape)


def visible_part(matrix: Matrix, size: tuple[int, int], side: int) -> Tensor:
    """Part of a crop that is in the frame, ``(1, side, side) float32``: 1 inside and 0 beyond.

    Args:
        matrix: Matrix from pixels of the frame to normalised coordinates of the crop, ``(2, 3)``.
        size: Height and width of the frame.
        side: Side of the result.
    """
    to_frame = invert(in_pixels(matrix, side))
    last = side - 1
    corners = np.array([[0, 0], [0, last], [last, 0], [last, last]])
    if _inside(transform_points(to_frame, corners), size).all():
        return torch.ones(1, side, side)
    ys, xs = np.mgrid[:side, :side]
    inside = _inside(transform_points(to_frame, np.stack([xs, ys], -1).reshape(-1, 2)), size)
    return torch.from_numpy(inside.reshape(1, side, side).astype(np.float32))


def _inside(places: NDArray[np.floating], size: tuple[int, int]) -> NDArray[np.bool_]:
    within = (places > -0.5) & (places < np.array(size[::-1]) - 0.5)
    return within[:, 0] & within[:, 1]
