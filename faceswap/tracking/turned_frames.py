"""Detection on turned frames: detectors know upright heads, and people also lie."""

from collections.abc import Iterable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.detectors import Detection, Detector
from faceswap.geometry.alignment import invert, matrix_scale, transform_points, warp
from faceswap.landmarkers.regions import rotation

SIDEWAYS_AND_UPSIDE_DOWN = (90, -90, 180)
"""Rolls in degrees of heads that an upright frame does not show."""

_STEP = 45  # degrees between the rolls to which that of a head is rounded
_CROP_SIDE = 256  # px, of the region in which one face is detected again
_REGION = 2.5  # side of that region in sides of the face's box
_CLEARLY_BETTER = 0.05  # difference of the detector's scores


def rounded_roll(angle: float) -> int:
    """Roll of a head rounded to a multiple of 45 degrees, over -180 and up to 180.

    Args:
        angle: Roll of the head in degrees, clockwise in the image.
    """
    return 180 - (180 - round(angle / _STEP) * _STEP) % 360


def detect_turned(
    detector: Detector, image: NDArray[np.uint8], rolls: Iterable[int]
) -> list[Detection]:
    """Detects faces on turned copies of a frame.

    Args:
        detector: Face detector.
        image: Image, (H, W, 3) uint8 RGB.
        rolls: Rolls of the heads that each copy shows upright, in degrees, clockwise.

    Returns:
        Detections in pixels of ``image``, highest score first, all with points: the landmarker
        takes the roll of the head from the eyes.
    """
    copies = [(roll, *_turned(image, roll)) for roll in rolls]
    found = [
        _to_frame(detection, to_copy, roll)
        for (roll, _, to_copy), detections in zip(
            copies, detector([copy for _, copy, _ in copies]), strict=True
        )
        for detection in detections
    ]
    return sorted(found, key=lambda detection: -detection.score)


def detect_around(
    detector: Detector,
    image: NDArray[np.uint8],
    boxes: Sequence[NDArray[np.floating]],
    rolls: Sequence[float],
) -> list[Detection | None]:
    """Detects single faces again, on their surroundings, enlarged and turned upright.

    Args:
        detector: Face detector.
        image: Image, (H, W, 3) uint8 RGB.
        boxes: Boxes of the faces, (4,) x0, y0, x1, y1 each.
        rolls: Rolls of their heads in degrees, clockwise.

    Returns:
        Detections in pixels of ``image``, with points; None where there is none in the middle.
    """
    matrices = [_crop_matrix(box, roll) for box, roll in zip(boxes, rolls, strict=True)]
    crops = [warp(image, to_crop, _CROP_SIDE) for to_crop in matrices]
    central = [next(filter(_is_central, found), None) for found in detector(crops)]
    return [
        None if found is None else _to_frame(found, to_crop, roll)
        for found, to_crop, roll in zip(central, matrices, rolls, strict=True)
    ]


def detect_otherwise_turned(
    detector: Detector, image: NDArray[np.uint8], box: NDArray[np.floating], roll: float
) -> Detection | None:
    """Detects one face again, on its surroundings in four turns.

    A head that lies or hangs upside down can look like an upright one with a chin for a forehead;
    the right turn has the highest score.

    Args:
        detector: Face detector.
        image: Image, (H, W, 3) uint8 RGB.
        box: Box of the face, (4,) x0, y0, x1, y1.
        roll: Roll of the head as it was found, in degrees, clockwise.

    Returns:
        The best detection in pixels of ``image``; None unless it is clearly better than the one
        with that roll.
    """
    found = detect_around(detector, image, [box] * 4, [roll + turn for turn in (0, 90, 180, 270)])
    scores = [0.0 if each is None else each.score for each in found]
    best = int(np.argmax(scores))
    return None if scores[best] < scores[0] + _CLEARLY_BETTER else found[best]


def _turned(image: NDArray[np.uint8], roll: int) -> tuple[NDArray[np.uint8], NDArray[np.floating]]:
    """A copy that shows heads of that roll upright, and the (2, 3) matrix from frame to copy."""
    height, width = image.shape[:2]
    turn = rotation(-roll)
    corners = np.array([[0, 0], [width - 1, 0], [0, height - 1], [width - 1, height - 1]]) @ turn.T
    to_copy = np.column_stack([turn, -corners.min(axis=0)])
    if roll % 90 == 0:  # exact, and faster
        return np.ascontiguousarray(np.rot90(image, roll // 90)), to_copy
    across, down = np.ceil(np.ptp(corners, axis=0)).astype(int) + 1
    return np.asarray(cv2.warpAffine(image, to_copy, (across, down)), np.uint8), to_copy


def _crop_matrix(box: NDArray[np.floating], roll: float) -> NDArray[np.floating]:
    """The (2, 3) matrix from the frame to the crop around a box."""
    low, high = box.reshape(2, 2).astype(np.float64)
    turn = rotation(-roll) * _CROP_SIDE / max(1.0, _REGION * float((high - low).max()))
    return np.column_stack([turn, (_CROP_SIDE - 1) / 2 - turn @ (low + high) / 2])


def _is_central(detection: Detection) -> bool:
    """Whether a detection in a crop is that of the face in its middle."""
    centre = detection.box.reshape(2, 2).mean(axis=0)
    return bool(np.abs(centre - (_CROP_SIDE - 1) / 2).max() < 0.2 * _CROP_SIDE)


def _to_frame(detection: Detection, to_copy: NDArray[np.floating], roll: float) -> Detection:
    """A detection on a turned copy, in frame pixels."""
    back = invert(to_copy)
    low, high = detection.box.reshape(2, 2)
    turn = np.abs(rotation(roll))
    # Bounds of a box that is not turned by quarters would be too large by this factor.
    half = turn @ (high - low) / 2 / turn[0].sum() * matrix_scale(back)
    centre = transform_points(back, (low + high)[None] / 2)[0]
    points = _eyes(detection.box) if detection.points is None else detection.points
    return Detection(
        np.concatenate([centre - half, centre + half]).astype(np.float32),
        detection.score,
        transform_points(back, points).astype(np.float32),
    )


def _eyes(box: NDArray[np.float32]) -> NDArray[np.floating]:
    """Where the eyes of an upright head are in its box, (2, 2)."""
    x0, y0, x1, y1 = box
    y = y0 + 0.4 * (y1 - y0)
    return np.array([[x0 + 0.3 * (x1 - x0), y], [x0 + 0.7 * (x1 - x0), y]])
