"""Pictures of a hand that the hand networks recognise, without a photograph."""

import cv2
import numpy as np
from numpy.typing import NDArray

# An open hand with the fingers up: the wrist at the origin, the width of the palm about 1.
_JOINTS = np.array(
    [
        *((0, 0), (0.45, -0.25), (0.8, -0.6), (1.05, -0.95), (1.25, -1.25)),
        *((0.42, -1.3), (0.5, -1.85), (0.55, -2.2), (0.58, -2.5)),
        *((0.1, -1.38), (0.1, -2.0), (0.1, -2.4), (0.1, -2.75)),
        *((-0.2, -1.3), (-0.27, -1.85), (-0.3, -2.2), (-0.33, -2.5)),
        *((-0.48, -1.12), (-0.62, -1.5), (-0.7, -1.75), (-0.77, -2.0)),
    ]
)
_PALM = [0, 1, 5, 9, 13, 17]
_SKIN = np.array([205, 150, 125])


def hand_points(x: float, y: float, width: float) -> NDArray[np.float64]:
    """The 21 landmarks of a hand with its wrist at a point, ``(21, 2)``."""
    return width * _JOINTS + (x, y)


def add_hand(image: NDArray[np.uint8], points: NDArray[np.floating]) -> NDArray[np.uint8]:
    """An image with a hand in front, which is lit at the middle of each finger."""
    width = float(np.linalg.norm(points[17] - points[5]))
    shape = np.zeros(image.shape[:2], np.uint8)
    corners = points.round().astype(int)
    for first in (1, 5, 9, 13, 17):
        finger = [corners[first : first + 4]]
        cv2.polylines(shape, finger, isClosed=False, color=255, thickness=round(0.34 * width))
    cv2.fillConvexPoly(shape, cv2.convexHull(corners[_PALM].astype(np.int32)), 255)
    arm = 0.46 * width
    low, high = points[0] - (arm, 0.2 * width), (points[0, 0] + arm, image.shape[0])
    cv2.rectangle(
        shape, low.round().astype(int).tolist(), np.array(high).astype(int).tolist(), 255, -1
    )
    depth = np.clip(cv2.distanceTransform(shape, cv2.DIST_L2, 5) / (0.28 * width), 0, 1)
    light = cv2.GaussianBlur(0.65 + 0.35 * np.sqrt(depth), (0, 0), 2)[..., None]
    alpha = cv2.GaussianBlur(shape, (0, 0), 1)[..., None] / 255
    return (image * (1 - alpha) + _SKIN * light * alpha).astype(np.uint8)
