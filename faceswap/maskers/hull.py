"""Outlines of faces by their 68 landmarks, and how masks are rendered from points."""

import math

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.alignment import head_pose
from faceswap.geometry.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from faceswap.geometry.mean_face import MEAN_FACE

_TEMPLES = [0, 16]  # ends of the jaw
_FOREHEAD = 0.75  # extent above the brows, as a fraction of the distance from eye to brow
# The forehead up to the hairline of most people, in the space of the mean face: the upper edge of
# face meshes, raised to eight tenths of the distance from nose to brows, and narrower at the
# corners, where hair begins lower.
_HAIRLINE = np.array(
    [
        *((-0.490, -0.34, 0.40), (-0.465, -0.47, 0.30), (-0.410, -0.59, 0.22)),
        *((-0.335, -0.69, 0.14), (-0.240, -0.78, 0.08), (-0.130, -0.83, 0.05)),
        *((0.130, -0.83, 0.05), (0.240, -0.78, 0.08), (0.335, -0.69, 0.14)),
        *((0.410, -0.59, 0.22), (0.465, -0.47, 0.30), (0.490, -0.34, 0.40)),
    ]
)
_NARROWEST, _WIDEST = 0.85, 1.1  # widths of foreheads over that of the mean face
_ROUND = 0.08  # radius of the corners of a box, in face squares: the hull still fits
_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
CIRCLE = np.c_[np.cos(_ANGLES), np.sin(_ANGLES)]
"""Points of a circle of radius 1, ``(24, 2)``."""


def hull_polygon(landmarks: ArrayLike, forehead: float = _FOREHEAD) -> NDArray[np.float32]:
    """Computes the convex outline of a face, from the jaw to above the brows.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in pixels, iBUG 300-W order.
        forehead: Extent above the brows, as a fraction of the distance from eye to brow.

    Returns:
        Polygon, ``(N, 2) float32`` in the same pixels.
    """
    points = np.array(landmarks, dtype=np.float32)
    for brow, eye in ((LEFT_BROW, LEFT_EYE), (RIGHT_BROW, RIGHT_EYE)):
        points[brow] += forehead * (points[brow].mean(0) - points[eye].mean(0))
    return cv2.convexHull(points)[:, 0].astype(np.float32)


def extended_polygon(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Computes the convex outline of a face, from the jaw to where the hair begins.

    The hairline is that of a mean face of the same width in the pose of the head, not the person's
    own.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in pixels, iBUG 300-W order.

    Returns:
        Polygon, ``(N, 2) float32`` in the same pixels.
    """
    pose = head_pose(landmarks)
    temples = np.asarray(landmarks)[_TEMPLES]
    own, mean = (np.linalg.norm(b - a) for a, b in (temples, pose.project(MEAN_FACE[_TEMPLES])))
    width = np.clip(own / max(float(mean), 1e-6), _NARROWEST, _WIDEST)
    forehead = pose.project(_HAIRLINE * [width, 1, 1])
    points = np.concatenate([hull_polygon(landmarks), forehead])
    return cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float32)


def box_polygon(landmarks: ArrayLike) -> NDArray[np.float32]:
    """Computes the rectangle around the hull of a face, upright as the head is, with round corners.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in pixels, iBUG 300-W order.

    Returns:
        Polygon, ``(N, 2) float32`` in the same pixels.
    """
    pose = head_pose(landmarks)
    roll, radius = math.radians(pose.roll), _ROUND * pose.scale
    upright = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]])
    points = hull_polygon(landmarks) @ upright
    (left, top), (right, bottom) = points.min(0) + radius, points.max(0) - radius
    centres = np.array([(left, top), (right, top), (right, bottom), (left, bottom)])
    corners = (centres[:, None] + radius * CIRCLE).reshape(-1, 2)
    return cv2.convexHull((corners @ upright.T).astype(np.float32))[:, 0].astype(np.float32)


def fill_convex(size: int, points: ArrayLike) -> NDArray[np.uint8]:
    """Renders the convex hull of points with an anti-aliased edge.

    Args:
        size: Side of the mask in pixels.
        points: Points, ``(N, 2)`` in pixels of the mask.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    mask = np.zeros((size, size), dtype=np.uint8)
    fixed_point = 4  # fractional bits: vertices are placed to a 16th of a pixel
    polygon = cv2.convexHull(np.asarray(points, np.float32))[:, 0]
    vertices = np.round(polygon * (1 << fixed_point)).astype(np.int32)
    cv2.fillConvexPoly(mask, vertices, 255, cv2.LINE_AA, fixed_point)
    return mask


def fill_hull(
    size: int, landmarks: ArrayLike, grow: float = 0.0, forehead: float = _FOREHEAD
) -> NDArray[np.uint8]:
    """Renders the hull as a mask with an anti-aliased edge.

    Args:
        size: Side of the mask in pixels.
        landmarks: Landmarks, ``(68, 2)`` in pixels of the mask.
        grow: Dilation of the hull in pixels.
        forehead: Extent above the brows, as a fraction of the distance from eye to brow.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    mask = fill_convex(size, hull_polygon(landmarks, forehead))
    if round(grow) < 1:
        return mask
    side = 2 * round(grow) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)
