"""Colours of faces at the same points of their surface, in whatever pose and expression."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.geometry.landmarks68 import LEFT_BROW, RIGHT_BROW
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.thin_plate import thin_plate
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.regions import EYES, MOUTH, fill_features
from faceswap.media.frame import Image

GRID = 40
"""Side of the grid of points."""
_UNIT = 36.0  # points of the grid in a face square
_SIDE, _COVERAGE = 64, 1.25  # px and face squares, of the crop in which colours are read
_MARGIN = 2.0  # points around eyes, brows and mouth, which move

_Y, _X = np.mgrid[:GRID, :GRID]
_NODES = np.stack([_X, _Y], -1).reshape(-1, 2) - (GRID - 1) / 2
_MEAN = MEAN_FACE[:, :2] - (MEAN_FACE[:, :2].min(0) + MEAN_FACE[:, :2].max(0)) / 2 + [0, 0.06]
_ON_GRID = _MEAN * _UNIT + (GRID - 1) / 2
# The position of each point is a weighted mean of landmarks.
_WEIGHTS = thin_plate(_MEAN, np.eye(len(_MEAN)), _NODES / _UNIT)
FACE = fill_hull(GRID, _ON_GRID) > 127
"""Points within the hull of a face, ``(GRID, GRID)``."""
SKIN = (fill_features(GRID, _ON_GRID, (*EYES, *MOUTH, LEFT_BROW, RIGHT_BROW), _MARGIN) == 0) & (
    cv2.erode(FACE.astype(np.uint8), np.ones((5, 5))) > 0
)
"""Those that show skin, in most faces."""


@dataclass(frozen=True, eq=False)
class FaceTexture:
    """Colours of a face.

    Attributes:
        colours: RGB of each point, ``(GRID, GRID, 3) float32``, in [0, 1].
        points: Position of each point, ``(GRID, GRID, 2)`` in pixels of the frame as it is
            displayed.
    """

    colours: NDArray[np.float32]
    points: NDArray[np.floating]


def read_texture(image: Image, landmarks: NDArray[np.floating]) -> FaceTexture:
    """Reads the colours of a face.

    Args:
        image: Frame as it is displayed, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks, ``(68, 2)`` in its pixels.
    """
    points = _WEIGHTS @ landmarks
    matrix = crop_matrix(landmarks, _SIDE, _COVERAGE)
    x, y = transform_points(matrix, points).T.astype(np.float32).reshape(2, GRID, GRID)
    crop = warp(image, matrix, _SIDE).astype(np.float32) / np.float32(255)
    colours = cv2.remap(crop, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return FaceTexture(np.asarray(colours, np.float32), points.reshape(GRID, GRID, 2))
