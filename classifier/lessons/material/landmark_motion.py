"""Landmarks of a talking face: the demo's gestures on the mean face, without rendered images."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.demonstration.talking_head.head_surface import rotation_matrix
from faceswap.demonstration.talking_head.motion import Gesture, track_of
from faceswap.geometry.landmarks68 import BROWS, OUTER_EYE_CORNERS
from faceswap.geometry.mean_face import MEAN_FACE

FPS = 25
_FRAME = 2.4
"""Width of the demo's frames in face sizes."""
_CAMERA = 7.0
"""Distance of the camera in face sizes."""
_AXIS = np.array([0.0, 0.0, 0.44])
"""Centre of rotation: between the ears."""
_LIDS = ((37, 41), (38, 40), (43, 47), (44, 46))
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))
_UPPER_LIP = {49: 0.4, 50: 0.9, 51: 1, 52: 0.9, 53: 0.4, 61: 0.8, 62: 1, 63: 0.8}
_LOWER_LIP = {55: 0.4, 56: 0.9, 57: 1, 58: 0.9, 59: 0.4, 65: 0.8, 66: 1, 67: 0.8}
_JAW = {4: 0.2, 5: 0.5, 6: 0.7, 7: 0.9, 8: 1, 9: 0.9, 10: 0.7, 11: 0.5, 12: 0.2}
"""How far points move with the middle of the lips and with the chin."""
_CORNERS = {48: -1, 60: -1, 54: 1, 64: 1}
"""Corners of the mouth, and the direction in which a smile moves them."""


def landmark_motion(gestures: Sequence[Gesture]) -> NDArray[np.float64]:
    """Landmarks68 of the mean face that makes the given gestures.

    Lids, lips, jaw and brows move as in ``faceswap demo``; then head and camera move.

    Args:
        gestures: Gesture of each frame.

    Returns:
        ``(frames, 68, 2)``, in distances of the outer eye corners of a frontal face; the origin
        is the middle of the frame.
    """
    points = _expressions(gestures)
    turns = np.stack([rotation_matrix(each.yaw, each.pitch, each.roll) for each in gestures])
    turned = np.einsum("nij,npj->npi", turns, points - _AXIS) + _AXIS
    seen = turned[..., :2] * _CAMERA / (_CAMERA + turned[..., 2:])
    shift = np.stack([track_of(gestures, "shift_x"), track_of(gestures, "shift_y")], -1)
    zoom = np.exp(track_of(gestures, "zoom"))[:, None, None]
    left, right = MEAN_FACE[list(OUTER_EYE_CORNERS)]
    return zoom * (seen - _FRAME * shift[:, None]) / np.linalg.norm(right - left)


def _expressions(gestures: Sequence[Gesture]) -> NDArray[np.float64]:
    """``(frames, 68, 3)`` frontal faces, in face sizes."""
    points = np.repeat(MEAN_FACE[None], len(gestures), axis=0)
    blink, mouth, smile, brow = (
        track_of(gestures, name) for name in ("blink", "mouth", "smile", "brow")
    )
    for upper, lower in _LIDS:
        gap = MEAN_FACE[lower, 1] - MEAN_FACE[upper, 1]
        points[:, upper, 1] += 0.86 * blink * gap
        points[:, lower, 1] -= 0.14 * blink * gap
    rest = float(np.mean([MEAN_FACE[low, 1] - MEAN_FACE[up, 1] for up, low in _INNER_LIPS]))
    opening = np.maximum(mouth, 0)
    drop = 0.15 * opening + rest * np.minimum(mouth, 0)
    for moved, way in ((_LOWER_LIP, drop), (_JAW, drop), (_UPPER_LIP, -0.12 * 0.15 * opening)):
        for point, weight in moved.items():
            points[:, point, 1] += weight * way
    for point, side in _CORNERS.items():
        points[:, point, 0] += side * (0.035 * smile - 0.03 * opening)
        points[:, point, 1] -= 0.045 * smile
    points[:, BROWS, 1] -= 0.04 * brow[:, None]
    return points
