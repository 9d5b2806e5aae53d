"""Horizontal pupil position, measured from pixels."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import transform_points
from faceswap.geometry.landmarks68 import LEFT_EYE, LEFT_EYE_CORNERS, RIGHT_EYE, RIGHT_EYE_CORNERS

_EYES = ((*LEFT_EYE_CORNERS, LEFT_EYE), (*RIGHT_EYE_CORNERS, RIGHT_EYE))
_WIDTH, _HEIGHT, _MARGIN = 48, 32, 8
_OPEN = 0.12  # height over width of the eye; narrower eyes count as closed


def gaze(image: NDArray[np.uint8], points: NDArray[np.floating]) -> float | None:
    """Horizontal pupil position between the eye corners, -1 (image left) to 1 (image right).

    Each eye is warped so that its corners are level, and the centroid of the dark pixels between
    the lids is taken. The mean of both eyes cancels most of the effect of side light.

    Args:
        image: Image, ``(H, W, 3) uint8 RGB``.
        points: Landmarks, ``(68, 2)`` in pixels.

    Returns:
        The position, or None when an eye is closed or too small.
    """
    positions = [_pupil_position(image, points, *eye) for eye in _EYES]
    found = [position for position in positions if position is not None]
    return sum(found) / len(found) if len(found) == len(positions) else None


def _pupil_position(
    image: NDArray[np.uint8], points: NDArray[np.floating], left: int, right: int, eye: slice
) -> float | None:
    width = float(np.linalg.norm(points[right] - points[left]))
    matrix = _level(points[left], points[right])
    outline = transform_points(matrix, points[eye])
    if np.ptp(outline[:, 1]) < _OPEN * (_WIDTH - 2 * _MARGIN) or width < 4:
        return None
    patch = cv2.warpAffine(image, matrix, (_WIDTH, _HEIGHT), flags=cv2.INTER_LINEAR)
    grey = cv2.cvtColor(patch, cv2.COLOR_RGB2GRAY).astype(np.float64)
    inside = np.zeros((_HEIGHT, _WIDTH), np.uint8)
    cv2.fillPoly(inside, [np.round(outline * 16).astype(np.int32)], 1, cv2.LINE_8, 4)
    values = grey[inside > 0]
    # Darker than the median: iris and pupil, not the sclera.
    dark = np.where(inside > 0, np.maximum(np.percentile(values, 50) - grey, 0), 0)
    if dark.sum() < 1:
        return None
    centre = float((dark.sum(0) * np.arange(_WIDTH)).sum() / dark.sum())
    return (centre - (_WIDTH - 1) / 2) / ((_WIDTH - 1) / 2 - _MARGIN)


def _level(left: NDArray[np.floating], right: NDArray[np.floating]) -> NDArray[np.float64]:
    """Matrix ``(2, 3)``, image -> patch with level eye corners, ``_MARGIN`` from its sides."""
    along = np.asarray(right - left, np.float64)
    zoom = (_WIDTH - 1 - 2 * _MARGIN) / max(float(along @ along), 1e-9)
    cos, sin = zoom * along
    linear = np.array([[cos, sin], [-sin, cos]])
    middle = np.array([(_WIDTH - 1) / 2, (_HEIGHT - 1) / 2])
    return np.c_[linear, middle - linear @ ((left + right) / 2)]
