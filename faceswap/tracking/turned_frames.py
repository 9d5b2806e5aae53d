"""Detection on turned frames: detectors know upright heads, and people also lie."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceswap.detectors import Detection, Detector
from faceswap.geometry.alignment import invert, transform_points, warp

SIDEWAYS_AND_UPSIDE_DOWN = (1, 3, 2)
"""Quarter turns of the frame that are tried for heads which an upright frame does not show."""

_CROP_SIDE = 256  # px, of the region in which four turns of one face are compared
_REGION = 2.5  # side of that region in sides of the face's box
_CLEARLY_BETTER = 0.05  # difference of the detector's scores


def turn_of(angle: float) -> int:
    """Quarter turns of the frame, clockwise, that bring a head nearest to upright.

    Args:
        angle: Roll of the head in degrees, clockwise in the image.
    """
    return -round(angle / 90) % 4


def detect_turned(
    detector: Detector, image: NDArray[np.uint8], turns: Sequence[int]
) -> list[Detection]:
    """Detects faces on turned copies of a frame.

    Args:
        detector: Face detector.
        image: Image, (H, W, 3) uint8 RGB.
        turns: Quarter turns, clockwise, 1 to 3 each.

    Returns:
        Detections in pixels of ``image``, highest score first, all with points: the landmarker
        takes the roll of the head from the eyes.
    """
    copies = [np.ascontiguousarray(np.rot90(image, -turn)) for turn in turns]
    found = [
        _turned_back(detection, turn, image.shape)
        for turn, detections in zip(turns, detector(copies), strict=True)
        for detection in detections
    ]
    return sorted(found, key=lambda detection: -detection.score)


def detect_otherwise_turned(
    detector: Detector, image: NDArray[np.uint8], box: NDArray[np.floating], turn: int
) -> Detection | None:
    """Detects one face again, on its surroundings in all four turns.

    A head that lies or hangs upside down can look like an upright one with a chin for a forehead;
    the right turn has the highest score.

    Args:
        detector: Face detector.
        image: Image, (H, W, 3) uint8 RGB.
        box: Box of the face, (4,) x0, y0, x1, y1.
        turn: Quarter turns with which it was found, 0 to 3.

    Returns:
        The best detection in pixels of ``image``; None unless it is clearly better than the one
        after ``turn`` quarter turns.
    """
    x0, y0, x1, y1 = map(float, box)
    zoom = _CROP_SIDE / max(1.0, _REGION * max(x1 - x0, y1 - y0))
    middle = (_CROP_SIDE - 1) / 2
    to_crop = np.array(
        [[zoom, 0, middle - zoom * (x0 + x1) / 2], [0, zoom, middle - zoom * (y0 + y1) / 2]]
    )
    crop = warp(image, to_crop, _CROP_SIDE)
    copies = [np.ascontiguousarray(np.rot90(crop, -each)) for each in range(4)]
    central = [next(filter(_is_central, found), None) for found in detector(copies)]
    scores = [0.0 if found is None else found.score for found in central]
    best = int(np.argmax(scores))
    found = central[best]
    if found is None or scores[best] < scores[turn] + _CLEARLY_BETTER:
        return None
    in_crop = _turned_back(found, best, crop.shape)
    to_image = invert(to_crop)
    assert in_crop.points is not None
    return replace(
        in_crop,
        box=transform_points(to_image, in_crop.box.reshape(2, 2)).ravel().astype(np.float32),
        points=transform_points(to_image, in_crop.points).astype(np.float32),
    )


def _is_central(detection: Detection) -> bool:
    """Whether a detection in a crop is that of the face in its middle."""
    centre = detection.box.reshape(2, 2).mean(axis=0)
    return bool(np.abs(centre - (_CROP_SIDE - 1) / 2).max() < 0.2 * _CROP_SIDE)


def _turned_back(detection: Detection, turn: int, shape: Sequence[int]) -> Detection:
    corners = detection.box.reshape(2, 2)
    low, high = np.sort(_points_back(corners, turn, shape), axis=0)
    points = _eyes(detection.box) if detection.points is None else detection.points
    return replace(
        detection,
        box=np.concatenate([low, high]).astype(np.float32),
        points=_points_back(points, turn, shape).astype(np.float32),
    )


def _points_back(
    points: NDArray[np.floating], turn: int, shape: Sequence[int]
) -> NDArray[np.floating]:
    """Maps (N, 2) points of a frame after ``turn`` quarter turns to the frame of ``shape``."""
    x, y = points.T
    right, bottom = shape[1] - 1, shape[0] - 1
    back = {0: (x, y), 1: (y, bottom - x), 2: (right - x, bottom - y), 3: (right - y, x)}
    return np.stack(back[turn], axis=-1)


def _eyes(box: NDArray[np.float32]) -> NDArray[np.floating]:
    """Where the eyes of an upright head are in its box, (2, 2)."""
    x0, y0, x1, y1 = box
    y = y0 + 0.4 * (y1 - y0)
    return np.array([[x0 + 0.3 * (x1 - x0), y], [x0 + 0.7 * (x1 - x0), y]])
