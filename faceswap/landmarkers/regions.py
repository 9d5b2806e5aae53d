"""Regions of frames as the inputs of landmark networks, and their outputs in frame pixels."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.landmarkers.registry import Roi


def cut_roi(image: NDArray[np.uint8], roi: Roi, size: int) -> NDArray[np.uint8]:
    """Crops a region upright to (size, size, 3) uint8; pixels beyond the frame are black."""
    # Bilinear sampling aliases when it shrinks the image: sample a larger crop, then average it.
    factor = min(4, max(1, round(roi.side / size)))
    large = size * factor
    scale = large / max(roi.side, 1e-3)
    matrix = np.empty((2, 3))
    matrix[:, :2] = scale * rotation(roi.angle).T
    matrix[:, 2] = (large - 1) / 2 - matrix[:, :2] @ np.array(roi.center)
    crop = cv2.warpAffine(image, matrix, (large, large), flags=cv2.INTER_LINEAR)
    if factor > 1:
        crop = cv2.resize(crop, (size, size), interpolation=cv2.INTER_AREA)
    return crop.astype(np.uint8, copy=False)


def to_frame(points: NDArray[np.floating], roi: Roi, size: int) -> NDArray[np.float32]:
    """Points of a crop, ``(N, 2)`` in [0, size] from corner to corner, in frame pixels."""
    scale = roi.side / size
    placed = (points - size / 2) @ (scale * rotation(roi.angle).T) + roi.center
    return placed.astype(np.float32)


def roll_between(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    """Direction from one point to another in degrees, clockwise in the image."""
    dx, dy = (float(v) for v in right - left)
    return math.degrees(math.atan2(dy, dx))


def rotation(angle: float) -> NDArray[np.float64]:
    """Rotation matrix by degrees, clockwise in the image (y down)."""
    radians = math.radians(angle)
    cos, sin = math.cos(radians), math.sin(radians)
    return np.array([[cos, -sin], [sin, cos]])
