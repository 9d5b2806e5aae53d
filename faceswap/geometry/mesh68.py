"""MediaPipe's face mesh reduced to landmarks68 (iBUG 300-W), by a fixed table.

Left and right are those of the image. Brows, nose, eyes and mouth have exact counterparts in the
mesh. The jaw line does not: iBUG follows the visible edge of the face, the mesh its own oval, which
lies farther out and is spaced differently. Each jaw point is therefore the mean of two mesh points:
neighbours on the oval, or one on the oval and one on the next ring inwards.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_HALF_JAW_LEFT = (
    (127, 127),
    (234, 227),
    (93, 177),
    (215, 215),
    (172, 138),
    (136, 136),
    (149, 149),
    (176, 148),
)
_CHIN = (152, 152)
# The other half, from the chin up.
_HALF_JAW_RIGHT = (
    (400, 377),
    (378, 378),
    (365, 365),
    (397, 367),
    (435, 435),
    (323, 401),
    (454, 447),
    (356, 356),
)
_BROWS = (70, 63, 105, 66, 107, 336, 296, 334, 293, 300)
_NOSE = (168, 197, 5, 4, 75, 97, 2, 326, 305)
_EYES = (33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380)
_LIPS_OUTER = (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)
_LIPS_INNER = (78, 82, 13, 312, 308, 317, 14, 87)

_INNER = (*_BROWS, *_NOSE, *_EYES, *_LIPS_OUTER, *_LIPS_INNER)
_PAIRS = np.array([*_HALF_JAW_LEFT, _CHIN, *_HALF_JAW_RIGHT, *((i, i) for i in _INNER)])


def mesh_to_68(mesh: NDArray[np.floating]) -> NDArray[Any]:
    """Reduces a mesh to 68 landmarks: (..., P, D) -> (..., 68, D), of the same type."""
    return (mesh[..., _PAIRS[:, 0], :] + mesh[..., _PAIRS[:, 1], :]) * np.float32(0.5)
