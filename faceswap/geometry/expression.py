"""Expression, mouth opening and eye opening from landmarks.

Lengths are in units of the outer eye corner distance.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.landmarks68 import (
    INNER,
    OUTER_EYE_CORNERS,
    lid_gap,
    mouth_gap,
)
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.mesh_shape import CORNERS
from faceswap.geometry.similarity import fit_similarity

Points = NDArray[np.floating]

_MIN_FRAMES = 8  # correlations of fewer frames are unreliable


def eye_distance(points: Points) -> float:
    """Distance of the outer eye corners of ``(68, D)`` points, in their unit."""
    left, right = points[list(OUTER_EYE_CORNERS)]
    return max(float(np.linalg.norm(right - left)), 1e-6)


def expression_error(before: Points, after: Points) -> float:
    """Mean distance of the inner landmarks after similarity alignment.

    It includes differences of expression, of head pose, and of the two people's facial shape.

    Args:
        before: Landmarks in the source, ``(68, 2)`` in pixels; they define the unit of length.
        after: Landmarks in the output, ``(68, 2)`` in pixels.
    """
    aligned = fit_similarity(after[INNER], before[INNER]).apply(after[INNER])
    distances = np.linalg.norm(aligned - before[INNER], axis=1)
    return float(distances.mean()) / eye_distance(before)


def frontal(mesh: Points) -> NDArray[np.float64]:
    """Inner landmarks in frontal view.

    The mesh is aligned in 3D so that nose and eye corners match the mean face.

    Args:
        mesh: Face mesh, ``(478, 3)`` in pixels.

    Returns:
        ``(51, 2)`` in units of the outer eye corner distance.
    """
    points = mesh_to_68(np.asarray(mesh, np.float32)).astype(np.float64)
    front = fit_similarity(points[CORNERS], MEAN_FACE[CORNERS]).apply(points)
    return front[INNER, :2] / eye_distance(front)


def movement_error(before: Sequence[Points], after: Sequence[Points]) -> float | None:
    """Mean landmark distance after subtracting each person's mean face.

    Args:
        before: ``frontal`` points of the source, ``(51, 2)`` for each frame.
        after: ``frontal`` points of the output for the same frames.

    Returns:
        The distance, or None with fewer than 8 frames.
    """
    if len(before) < _MIN_FRAMES:
        return None
    first, second = np.stack(before), np.stack(after)
    difference = (second - second.mean(0)) - (first - first.mean(0))
    return float(np.linalg.norm(difference, axis=-1).mean())


def mouth_opening(points: Points) -> float:
    """Gap between the inner lips of ``(68, 2)`` points, in outer eye corner distances."""
    return float(mouth_gap(points)) / eye_distance(points)


def lid_opening(points: Points) -> float:
    """Mean gap between the eyelids of ``(68, 2)`` points, in outer eye corner distances."""
    return float(lid_gap(points)) / eye_distance(points)


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Pearson correlation, or None with fewer than 8 values or a constant series."""
    if len(first) < _MIN_FRAMES or np.std(first) < 1e-9 or np.std(second) < 1e-9:
        return None
    return float(np.corrcoef(first, second)[0, 1])
