"""Hands in front of faces: MediaPipe's palm detector and its hand landmark network.

Zhang et al., "MediaPipe Hands: On-device Real-time Hand Tracking", 2020. Anchors, regions and
thresholds are those of MediaPipe's published graphs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.core.tflite_net import TFLiteNet
from faceswap.core.weights import weights_path
from faceswap.detectors.blazeface import BlazeFaceNet
from faceswap.landmarkers.regions import cut_roi, roll_between, rotation, to_frame
from faceswap.landmarkers.registry import Roi
from faceswap.maskers.hull import CIRCLE, fill_convex

_PALM_SIDE = 128  # px: at 192, in regions of several face squares, fewer palms are found
_MIN_PALM_SCORE = 0.5
_WRIST, _MIDDLE = 0, 2  # of the seven points of a palm
_PALM_SCALE, _PALM_SHIFT = 2.6, 0.5  # region of a hand, over the box of its palm
_HAND_SCALE, _HAND_SHIFT = 2.0, 0.1  # the same, over the bounds of a hand without its fingertips
_INNER = np.array([0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18])
_INDEX, _MIDDLE_BASE, _RING, _LITTLE = 5, 9, 13, 17  # where fingers begin
_BONES = [(first + i, first + i + 1) for first in (1, 5, 9, 13, 17) for i in range(3)]
_PALM = np.array([0, 1, 5, 9, 13, 17])
# Over the width of the palm between the first and the last knuckle.
_FINGER, _THUMB, _EDGE = 0.19, 0.24, 0.2  # radii, with a margin
_FROM_LENGTH = 0.7  # width of a palm over its length: of one that is seen from the side


@dataclass(frozen=True)
class Hand:
    """A hand in an image.

    Attributes:
        points: Landmarks, ``(21, 2) float32`` in pixels of the image: the wrist, and four of each
            finger from the palm to the tip, thumb first.
        presence: Probability that it is a hand.
    """

    points: NDArray[np.float32]
    presence: float

    @property
    def size(self) -> float:
        """Width of the palm in pixels, seen from the front."""
        wrist, index, middle, little = self.points[[0, _INDEX, _MIDDLE_BASE, _LITTLE]]
        length = float(np.linalg.norm(middle - wrist))
        return max(float(np.linalg.norm(little - index)), _FROM_LENGTH * length, 1e-3)

    def roi(self) -> Roi:
        """Region in which the hand is found in the next frame."""
        points = self.points.astype(np.float64)
        knuckles = (points[_INDEX] + 2 * points[_MIDDLE_BASE] + points[_RING]) / 4
        angle = roll_between(points[0], knuckles) + 90
        turn = rotation(angle)
        upright = points[_INNER] @ turn
        low, high = upright.min(0), upright.max(0)
        side = float((high - low).max())
        center = turn @ ((low + high) / 2 - [0, _HAND_SHIFT * (high - low)[1]])
        return Roi((float(center[0]), float(center[1])), _HAND_SCALE * side, angle)

    def is_same(self, other: "Hand") -> bool:
        """Whether two hands are at the same place."""
        apart = np.linalg.norm(self.points - other.points, axis=1).mean()
        return bool(apart < min(self.size, other.size))


def fill_hand(mask: NDArray[np.uint8], points: NDArray[np.floating], value: int = 255) -> None:
    """Renders a hand into a mask, in place, where the mask has a lower value.

    Args:
        mask: Mask, ``(M, M) uint8``.
        points: Landmarks of a hand, ``(21, 2)`` in pixels of the mask.
        value: Value of the pixels of the hand.
    """
    width = Hand(np.asarray(points, np.float32), 1.0).size
    rendered = np.zeros_like(mask)
    fixed_point = 4  # fractional bits
    placed = np.round(np.asarray(points) * (1 << fixed_point)).astype(int)
    for start, end in _BONES:
        radius = _THUMB if start < _INDEX else _FINGER
        thickness = max(1, round(2 * radius * width))
        cv2.line(
            rendered, placed[start].tolist(), placed[end].tolist(), value, thickness, 8, fixed_point
        )
    around = (np.asarray(points)[_PALM, None] + _EDGE * width * CIRCLE).reshape(-1, 2)
    np.maximum(rendered, fill_convex(mask.shape[0], around) // 255 * np.uint8(value), out=rendered)
    np.maximum(mask, rendered, out=mask)


class HandFinder:
    """Finds hands in regions of images.

    Args:
        palms: Palm detector.
        net: Hand landmark network.
        device: Device of the networks.
    """

    weights: tuple[str, ...] = ("palm_detection", "hand_landmark")

    def __init__(self, palms: BlazeFaceNet, net: TFLiteNet, device: str = "cpu") -> None:
        self._device = torch.device(device)
        self._palms = palms
        palms.net.to(self._device)
        self._net = net.to(self._device)
        self._size = net.input_size[0]

    def search(self, images: Sequence[NDArray[np.uint8]], rois: Sequence[Roi]) -> list[list[Roi]]:
        """Searches one region of each image for palms.

        Args:
            images: Images, ``(H, W, 3) uint8 RGB``.
            rois: Upright region of each image.

        Returns:
            Regions of the hands found in each image, for ``place``.
        """
        crops = [cut_roi(image, roi, _PALM_SIDE) for image, roi in zip(images, rois, strict=True)]
        found = self._palms.detect(self._batch(crops))
        return [
            [_hand_roi(palm.box, _points(palm.points), roi) for palm in palms]
            for palms, roi in zip(found, rois, strict=True)
        ]

    def place(self, images: Sequence[NDArray[np.uint8]], rois: Sequence[Roi]) -> list[Hand]:
        """Places the landmarks of the hand in one region of each image, as one batch.

        Args:
            images: Images, ``(H, W, 3) uint8 RGB``.
            rois: Region of a hand in each image, fingers up in it.

        Returns:
            A hand per region, whatever its presence.
        """
        if not rois:
            return []
        crops = [cut_roi(image, roi, self._size) for image, roi in zip(images, rois, strict=True)]
        with torch.inference_mode():
            values, presence, _handedness, _world = self._net(self._batch(crops))
        points = values.reshape(len(rois), -1, 3)[..., :2].cpu().numpy()
        return [
            Hand(to_frame(flat, roi, self._size), float(score))
            for flat, score, roi in zip(points, presence[:, 0].cpu(), rois, strict=True)
        ]

    def _batch(self, crops: Sequence[NDArray[np.uint8]]) -> torch.Tensor:
        """``(B, 3, S, S) float32`` in [0, 1]."""
        batch = torch.from_numpy(np.stack(crops)).to(self._device)
        return batch.permute(0, 3, 1, 2).float().div_(255)


def build_hand_finder(device: str = "cpu") -> HandFinder:
    """Builds the finder of hands with the published weights.

    Raises:
        WeightsUnavailable: The weights of a network are not available.
    """
    palms = TFLiteNet(weights_path("palm_detection"))
    net = BlazeFaceNet("palm_detection", palms, (8, 16), (2, 6), _MIN_PALM_SCORE)
    return HandFinder(net, TFLiteNet(weights_path("hand_landmark")), device)


def _points(points: NDArray[np.float32] | None) -> NDArray[np.float32]:
    assert points is not None, "palms have points"
    return points


def _hand_roi(box: NDArray[np.float32], points: NDArray[np.float32], roi: Roi) -> Roi:
    """Region of the hand of a palm that was detected in an upright region."""
    corners, points = (to_frame(each, roi, _PALM_SIDE) for each in (box.reshape(2, 2), points))
    # A quarter turn further than from wrist to middle finger: the fingers point up.
    angle = roll_between(points[_WRIST], points[_MIDDLE]) + 90
    side = float(np.ptp(corners, 0).max())
    center = corners.mean(0) + rotation(angle) @ np.array([0, -_PALM_SHIFT * side])
    return Roi((float(center[0]), float(center[1])), _PALM_SCALE * side, angle)
