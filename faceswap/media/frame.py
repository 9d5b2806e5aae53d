"""The frame: an upright picture of a video or a photograph, 8-bit RGB."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video or a photograph.

    Attributes:
        index: Position in presentation order, from 0. A frame that cannot be decoded leaves a gap,
            so the indices of the others do not depend on how the file is read.
        pts: Presentation time stamp in units of the source's time base, strictly increasing.
        time: Presentation time in seconds.
        image: Image, ``(H, W, 3) uint8`` RGB in [0, 255], upright, contiguous and writable.
            Sources with more than 8 bits per channel, HDR included, are reduced to 8 bits.
        name: File name of a photograph; empty for a frame of a video.
    """

    index: int
    pts: int
    time: float
    image: Image
    name: str = ""
