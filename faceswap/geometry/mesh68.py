"""MediaPipe's face mesh reduced to landmarks68 (iBUG 300-W): a table, and a linear correction.

Left and right are those of the image. Brows, nose, eyes and mouth have near counterparts in the
mesh. The jaw line does not: iBUG follows the visible edge of the face, the mesh its own oval, which
lies farther out and is spaced differently. Each jaw point is therefore the mean of two mesh points:
neighbours on the oval, or one on the oval and one on the next ring inwards.

Annotators do not place landmarks where these mesh points are, so that each landmark is corrected by
a combination of all mesh points whose weights sum to 0. It moves with the head, like the mesh, and
treats both sides of a face alike. ``tools/fit_mesh68.py`` fits it to annotated photographs; the
file beside this module holds its weights and how they were obtained.
"""

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors.numpy import load_file

CORRECTION = Path(__file__).with_name("mesh68.safetensors")
"""File with the tensor ``correction``, ``(68, 468) float16``."""

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
PAIRS = np.array([*_HALF_JAW_LEFT, _CHIN, *_HALF_JAW_RIGHT, *((i, i) for i in _INNER)])
"""Mesh points of each landmark, ``(68, 2)``; their mean is the landmark before its correction."""
_FACE_POINTS = 468
_ORIGIN = 1  # tip of the nose; subtracted, since frames are large and corrections are small


@cache
def _correction(dtype: DTypeLike) -> NDArray[Any]:
    weights = load_file(CORRECTION)["correction"].astype(np.float64)
    return (weights - weights.mean(1, keepdims=True)).astype(dtype)  # as before their rounding


def mesh_to_68(mesh: NDArray[np.floating]) -> NDArray[Any]:
    """Reduces a mesh to 68 landmarks.

    Args:
        mesh: Face mesh with or without irises, ``(..., 468 or 478, D)``.

    Returns:
        ``(..., 68, D)`` of the same type.
    """
    points = (mesh[..., PAIRS[:, 0], :] + mesh[..., PAIRS[:, 1], :]) * np.float32(0.5)
    face = mesh[..., :_FACE_POINTS, :] - mesh[..., _ORIGIN : _ORIGIN + 1, :]
    return points + _correction(mesh.dtype) @ face
