"""Visibility of the seam around a swapped face."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.maskers.hull import fill_hull, hull_polygon

_SIDE, _COVERAGE = 256, 1.6
_SQUARE = _SIDE / _COVERAGE  # pixels
_SHELL = 0.02  # thickness of a shell, in face sizes
_SHELLS = range(-7, 13)
"""Shells by distance to the hull contour; 0 is the first one inside."""
_CANDIDATES = range(-1, 7)
_OFFSET = 4  # shells between a contour and the contours it is compared with
_SECTORS = 32


def seam(
    before: NDArray[np.uint8], after: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> float:
    """Brightness step at the most visible contour along the edge of the face.

    The neighbourhood of the landmark hull's contour is divided into shells of equal distance and
    into sectors. The step of a contour is the mean over the sectors of the absolute brightness
    difference between the shells on its two sides, minus the mean step of contours farther in and
    out. Since the edge of the composite may be anywhere (erosion, predicted masks), the result is
    the maximum over all candidate contours of the step in ``after`` minus the step in ``before``.

    Args:
        before: Source frame, ``(H, W, 3) uint8 RGB``.
        after: Output frame, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks, ``(68, 2)`` in pixels of ``before``.

    Returns:
        Step in 8-bit levels (0 to 255); 0 when nothing changed.
    """
    matrix = crop_matrix(landmarks, _SIDE, _COVERAGE)
    points = transform_points(matrix, landmarks)
    shells, sectors = _regions(points)
    steps = [_steps(warp(image, matrix, _SIDE), shells, sectors) for image in (before, after)]
    increase = steps[1] - steps[0]
    return float(np.nanmax(increase)) if np.isfinite(increase).any() else 0.0


def _regions(
    points: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Shell index (may be negative) and sector index of each pixel, ``(S, S)`` each."""
    mask = fill_hull(_SIDE, points) > 127
    inwards = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outwards = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.where(mask, inwards - 0.5, 0.5 - outwards)
    shells = np.floor(distance / (_SHELL * _SQUARE)).astype(np.int64)
    x, y = hull_polygon(points).mean(0)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    angle = np.arctan2(rows - y, columns - x) / (2 * np.pi) + 0.5
    return shells, np.minimum((angle * _SECTORS).astype(np.int64), _SECTORS - 1)


def _steps(
    crop: NDArray[np.uint8], shells: NDArray[np.int64], sectors: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Relative step of each candidate contour, ``(len(_CANDIDATES),)``; NaN for empty shells."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64)
    first = _SHELLS.start
    inside = (shells >= first) & (shells < _SHELLS.stop)
    cell = (shells[inside] - first) * _SECTORS + sectors[inside]
    size = len(_SHELLS) * _SECTORS
    count = np.bincount(cell, minlength=size)
    sums = np.bincount(cell, grey[inside], minlength=size)
    with np.errstate(invalid="ignore"):
        means = (sums / np.where(count > 0, count, np.nan)).reshape(len(_SHELLS), _SECTORS)
    # Difference across a contour, between the shells on its two sides.
    steps = _mean(np.abs(means[2:] - means[:-2]))  # of shells first + 1 and above
    positions = np.array(_CANDIDATES) - first - 1
    # A narrow face lacks the innermost shells: then only the outer contour is compared.
    around = _mean(np.stack([steps[positions - _OFFSET], steps[positions + _OFFSET]], axis=1))
    return steps[positions] - around


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of the finite values of each row; NaN for rows without any."""
    finite = np.isfinite(values)
    count = finite.sum(1)
    return np.where(finite, values, 0).sum(1) / np.where(count > 0, count, np.nan)
