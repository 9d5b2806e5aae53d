"""Indices of landmarks68, the 68-point convention of iBUG 300-W (Sagonas et al., 2013).

Left and right are those of the image.
"""

import numpy as np
from numpy.typing import NDArray

JAW = slice(0, 17)
LEFT_BROW, RIGHT_BROW = slice(17, 22), slice(22, 27)
BROWS = slice(17, 27)
NOSE = slice(27, 36)
NOSE_TIP = 30
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS = (36, 39), (42, 45)
OUTER_EYE_CORNERS = (36, 45)
MOUTH = slice(48, 68)
MOUTH_CORNERS = (48, 54)
OUTER_LIPS = slice(48, 60)
INNER = slice(17, 68)
"""All but the jaw: brows, nose, eyes and mouth."""

_LIPS = np.array([(61, 67), (62, 66), (63, 65)])  # upper, lower
_LIDS = np.array([(37, 41), (38, 40), (43, 47), (44, 46)])


def mouth_gap(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean distance between the inner lips, in the points' unit: ``(..., 68, D) -> (...)``."""
    return _gap(points, _LIPS)


def lid_gap(points: NDArray[np.floating]) -> NDArray[np.floating]:
    """Mean distance between the lids, in the points' unit: ``(..., 68, D) -> (...)``."""
    return _gap(points, _LIDS)


def _gap(points: NDArray[np.floating], pairs: NDArray[np.int64]) -> NDArray[np.floating]:
    apart = points[..., pairs[:, 1], :] - points[..., pairs[:, 0], :]
    return np.linalg.norm(apart, axis=-1).mean(-1)
