"""MediaPipe's face mesh reduced to landmarks68 (iBUG 300-W): table, correction, visible outline.

Left and right are those of the image. Brows, nose, eyes and mouth have near counterparts in the
mesh. The jaw line does not: iBUG follows the visible edge of the face, the mesh its own oval, which
lies farther out and is spaced differently. Each jaw point is therefore the mean of two mesh points:
neighbours on the oval, or one on the oval and one on the next ring inwards.

Annotators do not place landmarks where these mesh points are, so that each landmark is corrected by
a combination of all mesh points whose weights sum to 0. It moves with the head, like the mesh, and
treats both sides of a face alike.

The visible edge of a turned head is another line on its surface than that of a frontal one: farther
back on the side that is turned away, nearer to the ear on the other. The jaw points therefore also
move with the direction in which the head looks, which nose and eye corners tell.

``tools/fit_mesh68.py`` fits both to annotated photographs; the file beside this module holds the
weights and how they were obtained.
"""

from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray
from safetensors.numpy import load_file

from faceswap.core.files import sha256_file
from faceswap.geometry.landmarks68 import JAW, LEFT_EYE_CORNERS, NOSE, RIGHT_EYE_CORNERS
from faceswap.geometry.mean_face import MEAN_FACE

WEIGHTS = Path(__file__).with_name("mesh68.safetensors")
"""File with the tensors ``correction``, ``(68, 468) float16``, and ``outline``, ``(17, 5, 2)``."""

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


# What no expression moves; brows and mouth would move the outline with them.
_STILL = np.r_[NOSE, LEFT_EYE_CORNERS, RIGHT_EYE_CORNERS]
# (3, 13): these landmarks -> the axes of the head in the image, an affine camera.
_AXES = np.linalg.pinv(np.c_[MEAN_FACE[_STILL], np.ones(len(_STILL))])[:3]
_FARTHEST = 0.6  # sine of 37 degrees; few photographs show heads turned farther


class HeadFrame(NamedTuple):
    """Upright coordinates of heads in the image, and the direction in which they look.

    Attributes:
        axes: Vectors to the right and down of the upright head, ``(..., 2, 2)``, as long as the
            side of its face square.
        terms: The terms 1, x, y, x^2, xy of the direction, ``(..., 5)``; x and y are the sines of
            the turns to image left and down, within their limits.
    """

    axes: NDArray[Any]
    terms: NDArray[Any]


def head_frame(points: NDArray[np.floating]) -> HeadFrame:
    """Upright coordinates of heads from their landmarks, ``(..., 68, 2)``."""
    camera = _AXES.astype(points.dtype) @ points[..., _STILL, :]
    size = np.sqrt(np.square(camera).sum((-1, -2), keepdims=True) / 2)
    down = camera[..., 1:2, :]
    down = down / np.linalg.norm(down, axis=-1, keepdims=True)
    right = np.concatenate([down[..., 1:], -down[..., :1]], -1)
    upright = np.concatenate([right, down], -2)
    forward = (camera[..., 2:, :] @ np.swapaxes(upright, -1, -2) / size)[..., 0, :]
    x, y = np.moveaxis(np.clip(forward, -_FARTHEST, _FARTHEST), -1, 0)
    return HeadFrame(size * upright, np.stack([np.ones_like(x), x, y, x * x, x * y], -1))


@cache
def _correction(dtype: DTypeLike) -> NDArray[Any]:
    weights = load_file(WEIGHTS)["correction"].astype(np.float64)
    return (weights - weights.mean(1, keepdims=True)).astype(dtype)  # as before their rounding


@cache
def weights_hash() -> str:
    """SHA-256 of the weights: landmarks of different weights should not be mixed in one video."""
    return sha256_file(WEIGHTS)


@cache
def outline_weights(dtype: DTypeLike) -> NDArray[Any]:
    """Weights of the terms of ``head_frame`` in displacements of the jaw points, ``(17, 5, 2)``."""
    return load_file(WEIGHTS)["outline"].astype(dtype)


def linear_68(mesh: NDArray[np.floating]) -> NDArray[Any]:
    """Reduces a mesh to landmarks whose jaw points stay where they are on the head, linearly.

    Args:
        mesh: Face mesh with or without irises, ``(..., 468 or 478, D)``.

    Returns:
        ``(..., 68, D)`` of the same type.
    """
    points = (mesh[..., PAIRS[:, 0], :] + mesh[..., PAIRS[:, 1], :]) * np.float32(0.5)
    face = mesh[..., :_FACE_POINTS, :] - mesh[..., _ORIGIN : _ORIGIN + 1, :]
    return points + _correction(mesh.dtype) @ face


def outline_shift(points: NDArray[np.floating], weights: NDArray[np.floating]) -> NDArray[Any]:
    """Displacement of the jaw points to the visible outline of a turned head.

    Args:
        points: Landmarks, ``(..., 68, 2)``; those of the jaw do not matter.
        weights: Weights of the terms, ``(17, 5, 2)``.

    Returns:
        ``(..., 17, 2)`` in their unit.
    """
    axes, terms = head_frame(points)
    return np.einsum("...t,jtd->...jd", terms, weights) @ axes


def mesh_to_68(mesh: NDArray[np.floating]) -> NDArray[Any]:
    """Reduces a mesh to 68 landmarks.

    Args:
        mesh: Face mesh with or without irises, ``(..., 468 or 478, D)``; x and y are those of an
            image. A depth of the jaw is that of the mesh, not of the visible outline.

    Returns:
        ``(..., 68, D)`` of the same type.
    """
    points = linear_68(mesh)
    points[..., JAW, :2] += outline_shift(points[..., :2], outline_weights(points.dtype))
    return points
