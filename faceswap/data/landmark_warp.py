"""Warp of a face to the landmarks of another person, as a grid of displacements.

A free-form deformation (Rueckert et al. 1999): the displacements of the landmarks are approximated
by a coarse grid, whose smooth interpolation is the same that random warps have.
"""

from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.data.warp import spread

NODES = 13
"""Control points of the warp along each side."""

_STIFFNESS = 0.005  # of bends, against the landmarks
_PULL = 0.002  # towards no displacement, where there are no landmarks
_PLACES = 513  # at which the interpolation is known


def fit_landmark_warp(
    landmarks: NDArray[np.floating], wanted: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Displacements with which a face is shown with other landmarks.

    Args:
        landmarks: Landmarks of the face, ``(P, 2)`` in normalised coordinates.
        wanted: Landmarks to show, ``(P, 2)``. Points outside the square do not count.

    Returns:
        ``(2, NODES, NODES) float32``: displacements of the control points, see ``warp.Warp``.
    """
    # The warp says where each place takes its pixel from.
    inside = (np.abs(wanted) <= 1).all(1)
    places, moves = wanted[inside], (landmarks - wanted)[inside]
    rows = np.rint((places + 1) / 2 * (_PLACES - 1)).astype(np.int64)
    across, down = _interpolation()[rows].swapaxes(0, 1)  # (P, NODES) each
    basis = (down[:, :, None] * across[:, None, :]).reshape(len(places), -1)
    # Ridge regression in its dual form: there are fewer landmarks than control points.
    smooth = basis @ _smoothing()
    solved = smooth.T @ np.linalg.solve(smooth @ basis.T + np.eye(len(places)), moves)
    return solved.T.reshape(2, NODES, NODES).astype(np.float32)


@lru_cache(maxsize=1)
def _interpolation() -> NDArray[np.float64]:
    return spread(_PLACES, NODES, torch.device("cpu")).numpy().astype(np.float64)


@lru_cache(maxsize=1)
def _smoothing() -> NDArray[np.float64]:
    """Inverse of the cost of bends and displacements, a matrix of the control points."""
    one = np.eye(NODES)
    slope, bend = np.diff(one, axis=0), np.diff(one, 2, axis=0)
    bends = np.kron(bend.T @ bend, one) + np.kron(one, bend.T @ bend)
    bends += 2 * np.kron(slope.T @ slope, slope.T @ slope)
    cost = _STIFFNESS * bends + _PULL * np.eye(NODES * NODES)
    return np.linalg.inv(cost).astype(np.float64)
