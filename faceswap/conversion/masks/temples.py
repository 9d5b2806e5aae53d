"""The temples, which the landmarks leave out."""

import numpy as np
from numpy.typing import NDArray

from faceswap.maskers.hull import hull_polygon

_LEFT_TEMPLE, _RIGHT_TEMPLE = np.array([127, 34, 139, 162, 21]), np.array([356, 264, 368, 389, 251])
_EARS = np.array([234, 93, 132, 454, 323, 361])
_BEYOND = 0.06  # face squares: the temples of glasses are beside the face


def temple_points(
    landmarks: NDArray[np.floating], mesh: NDArray[np.floating], face_square: float
) -> NDArray[np.floating]:
    """Points whose convex hull holds brows and temples, ``(N, 2)`` in the same pixels.

    It reaches down to the lobes of the ears, and a little beyond the face sideways.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in pixels of an upright crop.
        mesh: Face mesh, ``(478, 2)`` in the same pixels.
        face_square: Side of the face square in pixels.
    """
    left, right, ears = mesh[_LEFT_TEMPLE], mesh[_RIGHT_TEMPLE], mesh[_EARS]
    across = right[0] - left[0]
    beyond = across * (_BEYOND * face_square / max(float(np.linalg.norm(across)), 1e-6))
    face = hull_polygon(landmarks)
    above = face[face[:, 1] < ears[:, 1].min()]
    return np.concatenate([left - beyond, right + beyond, ears, above])
