"""Alignment: pose of a face from its landmarks, and the similarity that crops it upright.

A scaled orthographic camera is fitted to the landmarks by linear least squares against a mean face
in 3D. Unlike that of a 2D similarity, its scale does not shrink when the head turns, so a profile
is cropped at the same size as a frontal face. Training and conversion use the same crops.

Convention: points are ``(N, 2)``, x before y, in pixels, with pixel centres at integers (OpenCV's).
Matrices are ``(2, 3) float64`` and map frame pixels to crop pixels. Frame pixels are square: of a
frame that is stored with others they are those of its display, and ``of_stored`` starts at its own.
"""

import math
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.landmarks68 import BROWS, JAW, MOUTH
from faceswap.geometry.mean_face import MEAN_FACE

FloatArray = NDArray[np.floating]
Pixel = TypeVar("Pixel", np.uint8, np.float32)

HEAD_COVERAGE = 2.0
"""Side of the crops that facesets store, in face squares; tighter crops can be cut from them."""

# Point of the mean face at the centre of the crop: behind the nose bridge, so that the crop follows
# the head and not the tip of the nose when the head turns.
_CENTRE = np.array([0.0, 0.0, 0.07])


@dataclass(frozen=True)
class HeadPose:
    """A scaled orthographic camera: ``frame = scale * (rotation @ face)[:2] + translation``.

    Attributes:
        rotation: Rotation matrix, ``(3, 3)``; camera axes: x right, y down, z away from the viewer.
        scale: Side of the face square in frame pixels.
        translation: Position of the mean face's origin, ``(2,)`` in frame pixels.
    """

    rotation: FloatArray
    scale: float
    translation: FloatArray

    @property
    def roll(self) -> float:
        """Tilt of the head clockwise in the image, in degrees."""
        return math.degrees(math.atan2(-self.rotation[0, 1], self.rotation[1, 1]))

    @property
    def yaw(self) -> float:
        """Turn of the head towards image right, in degrees."""
        upright = _rotation_z(-self.roll) @ self.rotation
        return -math.degrees(math.atan2(upright[0, 2], upright[0, 0]))

    @property
    def pitch(self) -> float:
        """Turn of the head upwards, in degrees."""
        upright = _rotation_z(-self.roll) @ self.rotation
        return -math.degrees(math.atan2(upright[2, 1], upright[1, 1]))

    def project(self, points: ArrayLike) -> FloatArray:
        """Maps ``(N, 3)`` points of the mean face's space to ``(N, 2)`` frame pixels."""
        turned = np.asarray(points) @ self.rotation[:2].T
        return self.scale * turned + self.translation


def _rotation_z(degrees: float) -> FloatArray:
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])


def _camera_weights() -> FloatArray:
    # The jaw has no weight: landmarkers disagree about it, and it slides along the cheek when the
    # head turns. Brows and mouth move with the expression, so they weigh less than eyes and nose.
    weights = np.ones(68)
    weights[JAW] = 0.0
    weights[BROWS] = 0.5
    weights[MOUTH] = 0.5
    return weights


_WEIGHTS = _camera_weights()
_DESIGN = np.c_[MEAN_FACE, np.ones(68)]
_MEAN = _WEIGHTS / _WEIGHTS.sum()
# (4, 68), the weighted pseudo-inverse of the mean face: landmarks -> affine camera.
_SOLVE = np.linalg.pinv(_DESIGN * np.sqrt(_WEIGHTS)[:, None]) * np.sqrt(_WEIGHTS)


def head_pose(landmarks: ArrayLike) -> HeadPose:
    """Fits the head's pose to 68 landmarks.

    The affine camera is solved linearly, then replaced by the nearest scaled rotation.

    Args:
        landmarks: Landmarks68, ``(68, 2)`` in frame pixels.
    """
    camera = _SOLVE @ np.asarray(landmarks, dtype=np.float64)
    u, singular, vt = np.linalg.svd(camera[:3].T, full_matrices=False)
    rows = u @ vt  # (2, 3)
    scale = float(singular.mean())
    (ax, ay, az), (bx, by, bz) = rows.tolist()
    away = (ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx)  # their vector product
    # The best translation for the rigid camera is the weighted mean residual.
    residual = np.asarray(landmarks) - scale * MEAN_FACE @ rows.T
    return HeadPose(np.array([*rows, away]), scale, _MEAN @ residual)


def crop_matrix(landmarks: ArrayLike, size: int, coverage: float) -> FloatArray:
    """Similarity that crops an upright square around a face.

    Args:
        landmarks: Landmarks68, ``(68, 2)`` in frame pixels.
        size: Side of the crop in pixels.
        coverage: Side of the crop in face squares (1 = brows to chin, 2 = whole head).

    Returns:
        ``(2, 3) float64``, frame pixel -> crop pixel.
    """
    pose = head_pose(landmarks)
    zoom = size / (coverage * pose.scale)
    angle = math.radians(-pose.roll)
    c, s = zoom * math.cos(angle), zoom * math.sin(angle)
    linear = np.array([[c, -s], [s, c]])
    centre = pose.project(_CENTRE[None])[0]
    return np.c_[linear, (size - 1) / 2 - linear @ centre]


def normalised_matrix(landmarks: ArrayLike, coverage: float) -> FloatArray:
    """Matrix ``(2, 3)`` from frame pixels to normalised coordinates of a crop.

    (-1, -1) and (1, 1) are the outer corners of the crop, as in torch's ``grid_sample`` with
    ``align_corners=False``.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in frame pixels.
        coverage: Side of the crop in face squares.
    """
    # A crop of side 2 has its pixel centres at 0 and 1, which are -0.5 and 0.5.
    return crop_matrix(landmarks, 2, coverage) - [[0, 0, 0.5], [0, 0, 0.5]]


def in_pixels(normalised: ArrayLike, size: int) -> FloatArray:
    """Matrix to the pixels of a square, from one to its normalised coordinates, ``(2, 3)``."""
    half = size / 2
    return half * np.asarray(normalised) + [[0, 0, half - 0.5], [0, 0, half - 0.5]]


def transform_points(matrix: ArrayLike, points: ArrayLike) -> FloatArray:
    """Maps ``(N, 2)`` points through a ``(2, 3)`` matrix."""
    matrix = np.asarray(matrix)
    return np.asarray(points) @ matrix[:, :2].T + matrix[:, 2]


def place_face(
    matrix: ArrayLike, landmarks: ArrayLike, mesh: FloatArray | None
) -> tuple[FloatArray, FloatArray | None]:
    """Maps landmarks ``(68, 2)`` and, if there is one, a mesh ``(478, 3)`` to points of a crop.

    Returns:
        ``(68, 2)`` and ``(478, 2)``, or None without a mesh.
    """
    placed = None if mesh is None else transform_points(matrix, mesh[:, :2])
    return transform_points(matrix, landmarks), placed


def invert(matrix: ArrayLike) -> FloatArray:
    """The inverse of a ``(2, 3)`` matrix."""
    (a, b, x), (c, d, y) = np.asarray(matrix, dtype=np.float64).tolist()
    # By hand: conversion does this several times a frame, and `linalg` takes ten times as long.
    area = a * d - b * c
    a, b, c, d = d / area, -b / area, -c / area, a / area
    return np.array([[a, b, -(a * x + b * y)], [c, d, -(c * x + d * y)]])


def compose(outer: ArrayLike, inner: ArrayLike) -> FloatArray:
    """The ``(2, 3)`` matrix that applies ``inner`` first and ``outer`` after it."""
    outer, inner = np.asarray(outer, dtype=np.float64), np.asarray(inner, dtype=np.float64)
    linear = outer[:, :2] @ inner[:, :2]
    return np.c_[linear, outer[:, :2] @ inner[:, 2] + outer[:, 2]]


def of_stored(matrix: ArrayLike, pixel_aspect: float) -> FloatArray:
    """The matrix that maps stored pixels to where ``matrix`` maps the displayed, square ones.

    Args:
        matrix: Matrix from square frame pixels, ``(2, 3)``.
        pixel_aspect: Width over height of a stored pixel; 1 leaves the matrix as it is.
    """
    if pixel_aspect == 1:
        return np.asarray(matrix, dtype=np.float64)
    return compose(matrix, [[pixel_aspect, 0, (pixel_aspect - 1) / 2], [0, 1, 0]])


def matrix_scale(matrix: ArrayLike) -> float:
    """Scale of a similarity: output pixels per input pixel."""
    (a, b, _), (c, d, _) = np.asarray(matrix).tolist()
    return math.sqrt(abs(a * d - b * c))


def warp(image: NDArray[Pixel], matrix: ArrayLike, size: int) -> NDArray[Pixel]:
    """Crops a square, without aliasing when it shrinks.

    Args:
        image: Image, ``(H, W)`` or ``(H, W, 3)``, ``uint8`` or ``float32``.
        matrix: Matrix, ``(2, 3)``, image pixel -> crop pixel.
        size: Side of the crop in pixels.

    Returns:
        ``(size, size[, 3])`` of the type of the image; pixels beyond its edge repeat the edge.
        Bicubic sampling takes ``float32`` a little beyond the range of the image.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    # Bilinear sampling reads 2x2 pixels; stronger reductions average a larger crop.
    factor = min(4, max(1, math.ceil(0.75 / matrix_scale(matrix))))
    shift = (factor - 1) / 2
    larger = compose([[factor, 0, shift], [0, factor, shift]], matrix)
    crop = cv2.warpAffine(
        image,
        larger,
        (size * factor, size * factor),
        flags=cv2.INTER_LINEAR if factor > 1 else cv2.INTER_CUBIC,
        # Not reflected: a reflected mouth below the chin would look like a second face.
        borderMode=cv2.BORDER_REPLICATE,
    )
    if factor > 1:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return crop.astype(image.dtype, copy=False)
