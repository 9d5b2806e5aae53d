"""Objects in front of the faces of a video, which stay in front of the swapped faces."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace
from faceswap.conversion.masks.covers import (
    SIDE,
    SMOOTHED,
    Cover,
    FrameCovers,
    FrameFaces,
    displayed_image,
    smooth_covers,
    soft_cover,
)
from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.maskers.face_texture import read_texture
from faceswap.media.frame import Image


class CoveringObjects:
    """Finds what hides faces that look different at other times of their video.

    Faces without a known appearance, as those of photos, stay as they are.

    Args:
        coverage: Side of the model's crops in face squares.

    Attributes:
        lead: Number of frames before and after each that the result depends on.
        compares: Whether faces are compared with their appearance at other times: yes.
        facts: Settings that the result depends on: it has none.
    """

    lead = SMOOTHED
    compares = True
    facts: Mapping[str, str] = MappingProxyType({})

    def __init__(self, coverage: float) -> None:
        self._coverage = coverage

    def __call__(self, found: FramesWithFaces, *, video: bool = True) -> Iterator[FrameFaces]:
        """Yields frames with their faces, which know what objects cover of them.

        Args:
            found: Frames with the faces to swap, in order.
            video: Whether the frames are consecutive; otherwise no appearance is known.
        """
        return smooth_covers(self._compared(found)) if video else iter(found)

    def _compared(self, found: FramesWithFaces) -> Iterator[FrameCovers]:
        for frame, faces in found:
            if any(face.appearance is not None for face in faces):
                image = displayed_image(frame)
                yield frame, faces, [self._cover(image, face) for face in faces]
            else:
                yield frame, faces, [None] * len(faces)

    def _cover(self, image: Image, face: SourceFace) -> Cover:
        if face.appearance is None:
            return None
        texture = read_texture(image, face.landmarks)
        hidden = face.appearance.hidden(texture.colours)
        if hidden is None:
            return None
        matrix = crop_matrix(face.landmarks, SIDE, self._coverage)
        return soft_cover(_rendered(hidden, texture.points, matrix), self._coverage)


def _rendered(
    hidden: NDArray[np.uint8], points: NDArray[np.floating], matrix: NDArray[np.floating]
) -> NDArray[np.uint8]:
    """Mask of hidden points in a crop of the face, ``(SIDE, SIDE)``.

    Args:
        hidden: Whether each point is hidden, ``(N, N)``, 1 there.
        points: Positions of the points in the frame, ``(N, N, 2)``.
        matrix: Matrix from the frame to the crop, ``(2, 3)``.
    """
    mask = np.zeros((SIDE, SIDE), np.uint8)
    outlines, _ = cv2.findContours(hidden, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    fixed_point = 4  # fractional bits
    for outline in outlines:
        columns, rows = outline[:, 0].T
        placed = transform_points(matrix, points[rows, columns]) * (1 << fixed_point)
        corners = [placed.round().astype(np.int32)]
        cv2.fillPoly(mask, corners, (255,), cv2.LINE_AA, fixed_point)
    return mask
