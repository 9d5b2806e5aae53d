"""The outline of a face: that of the head it is shown on.

The head of the frame stays as it is. A face with its own, narrower outline would leave a rim of
the frame's face beside it; the features inside keep their shape.
"""

import numpy as np
from numpy.typing import NDArray

OUTLINE = np.array(
    [
        *(10, 109, 67, 103, 54, 21, 162, 127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148),
        *(152, 377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356, 389, 251, 284, 332, 297, 338),
    ]
)
"""Points around a face mesh, from the forehead over the left of the image and the chin."""

_REACH = 0.15  # face squares from the outline within which the mesh gives way


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


def within_outline(
    shown: NDArray[np.floating], own: NDArray[np.floating], weights: NDArray[np.floating]
) -> NDArray[np.floating]:
    """Meshes to show, moved into the outlines of the frame's own faces.

    Args:
        shown: Meshes to show, ``(..., 478, D)``.
        own: Meshes of the frame's faces in the same coordinates.
        weights: ``outline_weights`` of the neutral mesh of the person to show.
    """
    return shown + weights * (own - shown)
