"""Whether one can see where a face was put in."""

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.maskers.hull import fill_hull, hull_polygon

_SIDE, _COVERAGE = 256, 1.6
_SQUARE = _SIDE / _COVERAGE  # pixels
_SHELL = 0.02  # thickness of a shell, in face squares
_SHELLS = range(-7, 13)
"""Shells of equal distance to the hull's outline; 0 is the first one inside."""
_CANDIDATES = range(-1, 7)
_ASIDE = 4  # shells from an outline to the surroundings it is compared with
_SECTORS = 32


def seam(
    before: NDArray[np.uint8], after: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> float:
    """Step of brightness at the most visible outline that follows the edge of the face.

    The surroundings of the edge are cut into shells of equal distance to the landmarks' hull and
    into sectors. The step of an outline is the mean over the sectors of the difference of
    brightness between the shells on its two sides; from it the mean step of the outlines a little
    farther in and out is taken off. Compositing may put the edge anywhere (erosion, predicted
    masks): of all outlines within reach, the one counts where this grew most over ``before``.

    Args:
        before: The source's frame, ``(H, W, 3) uint8 RGB``.
        after: The frame with the swapped face.
        landmarks: ``(68, 2)`` in pixels of ``before``.

    Returns:
        Levels of 255; 0 when nothing was changed.
    """
    matrix = crop_matrix(landmarks, _SIDE, _COVERAGE)
    points = transform_points(matrix, landmarks)
    shells, sectors = _regions(points)
    steps = [_steps(warp(image, matrix, _SIDE), shells, sectors) for image in (before, after)]
    grown = steps[1] - steps[0]
    return float(np.nanmax(grown)) if np.isfinite(grown).any() else 0.0


def _regions(
    points: NDArray[np.floating],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number of the shell and of the sector of each pixel, ``(S, S)``; shells may be negative."""
    mask = fill_hull(_SIDE, points) > 127
    inwards = cv2.distanceTransform(mask.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outwards = cv2.distanceTransform((~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    distance = np.where(mask, inwards - 0.5, 0.5 - outwards)
    shells = np.floor(distance / (_SHELL * _SQUARE)).astype(np.int64)
    x, y = hull_polygon(points).mean(0)
    rows, columns = np.mgrid[:_SIDE, :_SIDE]
    turn = np.arctan2(rows - y, columns - x) / (2 * np.pi) + 0.5
    return shells, np.minimum((turn * _SECTORS).astype(np.int64), _SECTORS - 1)


def _steps(
    crop: NDArray[np.uint8], shells: NDArray[np.int64], sectors: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much each candidate outline stands out, ``(len(_CANDIDATES),)``; NaN where none is."""
    grey = cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY).astype(np.float64)
    first = _SHELLS.start
    known = (shells >= first) & (shells < _SHELLS.stop)
    cell = (shells[known] - first) * _SECTORS + sectors[known]
    size = len(_SHELLS) * _SECTORS
    count = np.bincount(cell, minlength=size)
    sums = np.bincount(cell, grey[known], minlength=size)
    with np.errstate(invalid="ignore"):
        means = (sums / np.where(count > 0, count, np.nan)).reshape(len(_SHELLS), _SECTORS)
    # Across an outline, from the shell on its one side to that on its other side.
    steps = _mean(np.abs(means[2:] - means[:-2]))  # of shells first + 1 on
    places = np.array(_CANDIDATES) - first - 1
    # A narrow face has no shells so deep inside: then the outer side alone is compared with.
    around = _mean(np.stack([steps[places - _ASIDE], steps[places + _ASIDE]], axis=1))
    return steps[places] - around


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of what is known in each row; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(1)
    return np.where(known, values, 0).sum(1) / np.where(count > 0, count, np.nan)
