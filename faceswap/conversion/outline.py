"""The outline of a face: that of the head it is shown on.

The head of the frame stays as it is. A face with its own, narrower outline would leave a rim of
the frame's face beside it; the features inside keep their shape.
"""

import numpy as np
from numpy.typing import NDArray

from faceswap.maskers.hull import hull_polygon

OUTLINE = np.array(
    [
        *(10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148),
        *(152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356, 389, 251, 284, 332, 297, 338),
    ]
)
"""Points around a face mesh, from the forehead over the left of the image and the chin."""

_LEFT_TEMPLE, _RIGHT_TEMPLE = np.array([127, 34, 139, 162, 21]), np.array([356, 264, 368, 389, 251])
_EARS = np.array([234, 93, 132, 454, 323, 361])
_REACH = 0.15  # face squares from the outline within which the mesh gives way
_BEYOND = 0.06  # face squares: the temples of glasses are beside the face


def outline_weights(neutral: NDArray[np.floating]) -> NDArray[np.float64]:
    """How much each point of a mesh belongs to the outline: 1 on it, 0 well inside.

    Args:
        neutral: Neutral mesh, ``(478, 3)`` in face squares.

    Returns:
        ``(478, 1)``.
    """
    corners = neutral[OUTLINE, :2]
    steps = np.linspace(0, 1, 4, endpoint=False)[:, None, None]
    line = (corners + steps * (np.roll(corners, -1, 0) - corners)).reshape(-1, 2)
    apart = np.linalg.norm(neutral[:, None, :2] - line, axis=-1).min(1)
    near = np.clip(1 - apart / _REACH, 0, 1)
    return (near * near * (3 - 2 * near))[:, None]


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
