"""Flicker of colour and light across a face that the source does not have."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from faceswap.evaluation.consecutive import FrameKey, consecutive
from faceswap.geometry.alignment import crop_matrix, warp

_CELLS, _PIXELS = 4, 16  # cells on each side of the face square, and pixels of each
_COVERAGE = 0.9  # face squares: the cells at the border show skin, not hair or background


def colour_change(
    before: NDArray[np.uint8], after: NDArray[np.uint8], landmarks: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Change of the low frequencies of a face by a swap, ``(4, 4, 3)`` in levels of 255.

    Args:
        before: Source frame, ``(H, W, 3) uint8 RGB``.
        after: Output frame, ``(H, W, 3) uint8 RGB``.
        landmarks: Landmarks, ``(68, 2)`` in pixels of ``before``.
    """
    size = _CELLS * _PIXELS
    matrix = crop_matrix(landmarks, size, _COVERAGE)
    first, second = (warp(image, matrix, size).astype(np.float64) for image in (before, after))
    return (second - first).reshape(_CELLS, _PIXELS, _CELLS, _PIXELS, 3).mean((1, 3))


def local_flicker(changes: Mapping[FrameKey, NDArray[np.floating]]) -> float | None:
    """Mean deviation of the change of a frame from the mean of those before and after it.

    What source and output have in common, such as a lamp that flickers, does not count; neither
    does a difference between them that is constant or grows steadily.

    Args:
        changes: Results of ``colour_change`` by frame.

    Returns:
        Levels of 255; None without three consecutive frames.
    """
    deviations = []
    for frames in consecutive(changes, 3):
        previous, present, following = (changes[frame] for frame in frames)
        deviations.append(np.abs(present - (previous + following) / 2).mean())
    return float(np.mean(deviations)) if deviations else None
