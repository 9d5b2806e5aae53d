"""Change of the background by a swap, and the colour and mask of a face."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.alignment import head_pose
from faceswap.maskers.hull import hull_polygon

_MARGIN = 2  # pixels beyond the hull that bilinear sampling and chroma subsampling affect
_FAR = 1.2  # half side of the square around a face, in face sizes, excluded from `far_mean`


@dataclass(frozen=True)
class BackgroundChange:
    """Absolute difference of two frames outside of all faces, in 8-bit levels (0 to 255).

    Attributes:
        largest: Maximum over pixels and channels.
        mean: Mean over pixels and channels.
        far_mean: Mean over the pixels far from every face, which only encoding changes; None when
            they are less than 2 % of the frame.
    """

    largest: float
    mean: float
    far_mean: float | None


def background_change(
    before: NDArray[np.uint8], after: NDArray[np.uint8], faces: Sequence[NDArray[np.floating]]
) -> BackgroundChange:
    """Compare two frames outside of all faces.

    Args:
        before: Source frame, ``(H, W, 3) uint8 RGB``.
        after: Output frame, ``(H, W, 3) uint8 RGB``.
        faces: Landmarks of each swapped face, ``(68, 2)`` in pixels.
    """
    change = np.asarray(cv2.absdiff(before, after), np.uint8)
    outside = ~faces_mask(before, faces, _MARGIN)
    far = outside.copy()
    for points in faces:
        pose = head_pose(points)
        x, y = pose.translation
        reach = _FAR * pose.scale
        rows = slice(max(0, int(y - reach)), max(0, int(y + reach) + 1))
        far[rows, max(0, int(x - reach)) : max(0, int(x + reach) + 1)] = False
    largest, mean = _statistics(change, outside)
    # A few pixels in a corner are too few to estimate encoding noise.
    return BackgroundChange(
        largest, mean, _statistics(change, far)[1] if far.mean() > 0.02 else None
    )


def _statistics(change: NDArray[np.uint8], mask: NDArray[np.bool_]) -> tuple[float, float]:
    values = change[mask]
    return (float(values.max()), float(values.mean())) if values.size else (0.0, 0.0)


def faces_mask(
    image: NDArray[np.uint8], faces: Sequence[NDArray[np.floating]], margin: int = 0
) -> NDArray[np.bool_]:
    """Mask of all faces, ``(H, W) bool``, dilated by ``margin`` pixels."""
    mask = np.zeros(image.shape[:2], np.uint8)
    for points in faces:
        cv2.fillConvexPoly(mask, np.round(hull_polygon(points)).astype(np.int32), 1)
    if margin:
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * margin + 1, 2 * margin + 1))
        mask = np.asarray(cv2.dilate(mask, kernel), np.uint8)
    return mask > 0


def mask_iou(
    image: NDArray[np.uint8], first: NDArray[np.floating], second: NDArray[np.floating]
) -> float:
    """Intersection over union (0 to 1) of the masks of two ``(68, 2)`` landmark sets."""
    masks = [faces_mask(image, [points]) for points in (first, second)]
    union = (masks[0] | masks[1]).sum()
    return float((masks[0] & masks[1]).sum() / union) if union else 0.0


def face_colour(image: NDArray[np.uint8], landmarks: NDArray[np.floating]) -> NDArray[np.float64]:
    """Mean CIELAB colour of a face, ``(3,)``: L* (0 to 100), a*, b*."""
    mask = faces_mask(image, [landmarks])
    if not mask.any():
        return np.zeros(3)
    pixels = image[mask].astype(np.float32)[None] / 255
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB), np.float64).reshape(-1, 3).mean(0)
