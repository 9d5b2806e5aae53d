"""The colours of cached crops, among whose channels are masks.

OpenCV copies some of the channels five to ten times as fast as a slice of numpy.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

_COLOURS = [0, 0, 1, 1, 2, 2]  # from which channel to which


def colours_of(crop: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A copy of the colours of a crop, ``(S, S, 3) uint8 RGB``.

    Args:
        crop: Crop, ``(S, S, C) uint8``, contiguous: RGB and masks.
    """
    colours = np.empty((*crop.shape[:2], 3), np.uint8)
    cv2.mixChannels([crop], [colours], _COLOURS)
    return colours


def set_colours(crop: NDArray[np.uint8], colours: NDArray[np.uint8]) -> None:
    """Replaces the colours of a crop.

    Args:
        crop: Crop, ``(S, S, C) uint8``, contiguous; modified.
        colours: New colours, ``(S, S, 3) uint8 RGB``.
    """
    cv2.mixChannels([colours], [crop], _COLOURS)
