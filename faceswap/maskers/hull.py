"""The hull of the landmarks: needs no network, knows nothing of hair or hands before the face."""

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.maskers.registry import maskers

_LEFT_BROW, _LEFT_EYE = slice(17, 22), slice(36, 42)
_RIGHT_BROW, _RIGHT_EYE = slice(22, 27), slice(42, 48)
# How far above the brows the mask reaches, as a share of the distance from eye to brow.
_FOREHEAD = 0.75


def hull_polygon(landmarks: ArrayLike) -> NDArray[np.float32]:
    """The convex outline of a face, from jaw to a little above the brows.

    Args:
        landmarks: ``(68, 2)`` in pixels, iBUG order.

    Returns:
        ``(N, 2) float32`` polygon in the same pixels.
    """
    points = np.array(landmarks, dtype=np.float32)
    for brow, eye in ((_LEFT_BROW, _LEFT_EYE), (_RIGHT_BROW, _RIGHT_EYE)):
        points[brow] += _FOREHEAD * (points[brow].mean(0) - points[eye].mean(0))
    return cv2.convexHull(points)[:, 0].astype(np.float32)


@maskers.register
def hull(crop: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Fills the landmarks' hull, with an anti-aliased edge."""
    mask = np.zeros(crop.shape[:2], dtype=np.uint8)
    fixed_point = 4  # fractional bits: vertices are placed to a 16th of a pixel
    polygon = np.round(hull_polygon(landmarks) * (1 << fixed_point)).astype(np.int32)
    cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_AA, fixed_point)
    return mask
