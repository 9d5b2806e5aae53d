"""What a face does, by its landmarks alone: expression, opening of mouth and eyes.

Lengths are counted in distances between the outer corners of the eyes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.landmarks68 import (
    INNER,
    LEFT_EYE_CORNERS,
    NOSE,
    OUTER_EYE_CORNERS,
    RIGHT_EYE_CORNERS,
    lid_gap,
    mouth_gap,
)
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.landmarkers.mesh68 import mesh_to_68

Points = NDArray[np.floating]

RIGID = np.r_[NOSE, LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS]
"""Nose and corners of the eyes: bone, which no expression moves."""
_FEWEST = 8  # frames; fewer correlate by chance


def eye_distance(points: Points) -> float:
    """Distance between the outer corners of the eyes, in pixels, of ``(68, D)`` points."""
    left, right = points[list(OUTER_EYE_CORNERS)]
    return max(float(np.linalg.norm(right - left)), 1e-6)


def fit(points: Points, onto: Points) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """The similarity that brings points nearest to others (Umeyama, 1991).

    Args:
        points: ``(N, D)``.
        onto: ``(N, D)``.

    Returns:
        ``rotation (D, D)``, ``translation (D,)`` and scale, such that
        ``scale * points @ rotation.T + translation`` is near ``onto``. Never a reflection.
    """
    points, onto = np.asarray(points, np.float64), np.asarray(onto, np.float64)
    here, there = points.mean(0), onto.mean(0)
    a, b = points - here, onto - there
    u, singular, vt = np.linalg.svd(b.T @ a)
    signs = np.ones(points.shape[1])
    signs[-1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * signs) @ vt
    scale = float((singular * signs).sum() / max((a**2).sum(), 1e-12))
    return rotation, there - scale * rotation @ here, scale


def expression_error(before: Points, after: Points) -> float:
    """Mean distance of the inner landmarks after place, size and tilt are made equal.

    The plain measure: what is left is the expression, the head's turn where that differs too, and
    that two people have two faces.

    Args:
        before: ``(68, 2)`` in pixels; its eyes are the unit.
        after: ``(68, 2)``.
    """
    rotation, translation, scale = fit(after[INNER], before[INNER])
    placed = scale * after[INNER] @ rotation.T + translation
    apart = np.linalg.norm(placed - before[INNER], axis=1)
    return float(apart.mean()) / eye_distance(before)


def frontal(mesh: Points) -> NDArray[np.float64]:
    """The inner landmarks as they would be seen from the front.

    The mesh is turned and scaled in 3D until nose and corners of the eyes lie as in the mean face.

    Args:
        mesh: ``(468, 3)`` in pixels.

    Returns:
        ``(51, 2)`` in distances of the eyes' outer corners.
    """
    points = mesh_to_68(np.asarray(mesh, np.float32)).astype(np.float64)
    rotation, translation, scale = fit(points[RIGID], MEAN_FACE[RIGID])
    front = scale * points @ rotation.T + translation
    return front[INNER, :2] / eye_distance(front)


def movement_error(before: Sequence[Points], after: Sequence[Points]) -> float | None:
    """Mean difference of what moves in two performances, each person's mean face taken off.

    Args:
        before: ``frontal`` points, frame by frame.
        after: Those of the same frames.

    Returns:
        None when there are too few frames for a mean face.
    """
    if len(before) < _FEWEST:
        return None
    first, second = np.stack(before), np.stack(after)
    apart = (second - second.mean(0)) - (first - first.mean(0))
    return float(np.linalg.norm(apart, axis=-1).mean())


def mouth_opening(points: Points) -> float:
    """Gap between the inner lips of ``(68, 2)`` points."""
    return float(mouth_gap(points)) / eye_distance(points)


def lid_opening(points: Points) -> float:
    """Gap between the lids, mean of both eyes, of ``(68, 2)`` points."""
    return float(lid_gap(points)) / eye_distance(points)


def correlation(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Correlation of two series, or None when there are too few values or one stands still."""
    if len(first) < _FEWEST or np.std(first) < 1e-9 or np.std(second) < 1e-9:
        return None
    return float(np.corrcoef(first, second)[0, 1])
