"""Re-feed: landmarks averaged over several slightly different regions of a face.

A landmark network answers a little differently when its region moves by a pixel. The mean of
several answers is steadier and more exact, at their cost.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.landmarkers.registry import FaceLandmarks, Landmarker, Roi
from faceswap.landmarkers.wrapped import WrappedLandmarker

_SHIFT = 0.03  # distance from the centre, as a fraction of the side
_ZOOM = 0.04  # largest change of the side, as a fraction
_TURN = 4.0  # largest change of the angle, in degrees


class AveragingLandmarker(WrappedLandmarker):
    """Runs another landmarker on each region and on variants of it, and averages the landmarks.

    Args:
        inner: Landmarker.
        count: Number of regions of a face: the given one and ``count - 1`` variants, always the
            same ones.
    """

    def __init__(self, inner: Landmarker, count: int) -> None:
        super().__init__(inner)
        self._count = count

    def __call__(self, image: NDArray[np.uint8], rois: Sequence[Roi]) -> list[FaceLandmarks]:
        """Averaged landmarks in regions of one frame; see ``Landmarker``."""
        variants = [
            _variant(roi, index, self._count, turn=not self.upright)
            for roi in rois
            for index in range(self._count)
        ]
        placed = self._inner(image, variants)
        return [
            _mean(placed[start : start + self._count])
            for start in range(0, len(placed), self._count)
        ]


def _variant(roi: Roi, index: int, count: int, *, turn: bool) -> Roi:
    """The region itself for index 0; else one of a ring of shifted, scaled and turned ones."""
    if index == 0:
        return roi
    around = 2 * math.pi * index / (count - 1)
    x, y = roi.center
    center = (
        x + _SHIFT * roi.side * math.cos(around),
        y + _SHIFT * roi.side * math.sin(around),
    )
    # Twice and three times around: sizes, angles and shifts are uncorrelated, and their means zero.
    side = roi.side * (1 + _ZOOM * math.cos(2 * around))
    angle = roi.angle + (_TURN * math.sin(3 * around) if turn else 0.0)
    return Roi(center, side, angle)


def _mean(faces: Sequence[FaceLandmarks]) -> FaceLandmarks:
    points = _mean_points([face.points for face in faces])
    meshes = [face.mesh for face in faces if face.mesh is not None]
    presence = sum(face.presence for face in faces) / len(faces)
    return FaceLandmarks(points, _mean_points(meshes) if meshes else None, presence)


def _mean_points(points: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    return np.stack(points).mean(axis=0, dtype=np.float64).astype(np.float32)
