"""Frames prepared as network inputs: scaled, padded, and grouped into batches of one size."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

# Largest total stride of the networks that need padded inputs.
_STRIDE = 32


def group_by_shape(images: Sequence[NDArray[np.uint8]]) -> dict[tuple[int, ...], list[int]]:
    """Indices of images of one shape, by shape: each group can be one batch."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for index, image in enumerate(images):
        groups.setdefault(image.shape, []).append(index)
    return groups


def shrink_scale(height: int, width: int, max_side: int) -> float:
    """Scale in (0, 1] that makes the longer side of an image at most `max_side` pixels."""
    return min(1.0, max_side / max(height, width))


def shrink(image: NDArray[np.uint8], max_side: int) -> tuple[NDArray[np.uint8], float]:
    """Scales an image down so that its longer side is at most `max_side` pixels.

    Returns:
        (H, W, 3) uint8, and the scale in (0, 1].
    """
    height, width = image.shape[:2]
    scale = shrink_scale(height, width, max_side)
    if scale == 1.0:
        return image, scale
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8), scale


def letterbox(image: NDArray[np.uint8], side: int) -> tuple[NDArray[np.uint8], float]:
    """Scales the longer side to `side` pixels and pads with black at the right and the bottom.

    Returns:
        (H, W, 3) uint8 with sides that are multiples of 32, and the scale.
    """
    height, width = image.shape[:2]
    scale = side / max(height, width)
    inner = (max(1, round(height * scale)), max(1, round(width * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    board = np.zeros((*(-(-n // _STRIDE) * _STRIDE for n in inner), 3), np.uint8)
    board[: inner[0], : inner[1]] = cv2.resize(image, inner[::-1], interpolation=method)
    return board, scale


def letterboxes(
    image: NDArray[np.uint8], sides: Sequence[int]
) -> dict[int, tuple[NDArray[np.uint8], float]]:
    """Results of ``letterbox`` for several sides, equal to a level of grey.

    Averaging a large image is most of the time of the small sides: where the image has exactly
    half the size for the next side, it is made from that one.
    """
    height, width = image.shape[:2]
    longer = max(height, width)
    boards: dict[int, tuple[NDArray[np.uint8], float]] = {}
    for side in sorted(set(sides), reverse=True):
        twice, source = 2 * side, image
        shorter = min(height, width) * twice / longer
        if twice in boards and twice <= longer and shorter % 2 == 0:
            scale = twice / longer
            source = boards[twice][0][: round(height * scale), : round(width * scale)]
        boards[side] = letterbox(source, side)[0], side / longer
    return boards
