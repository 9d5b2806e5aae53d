"""The frame: one upright picture of a video or of a set of photographs."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture.

    Attributes:
        index: Place in presentation order, from 0. A picture that cannot be decoded leaves a gap,
            so that the number of every other picture is the same however the file is read.
        pts: Presentation time stamp in units of the source's time base; strictly increasing.
        time: The same in seconds.
        image: ``(H, W, 3) uint8`` RGB, upright, contiguous and writable.
        name: File name of a photograph; empty for a frame of a video.
    """

    index: int
    pts: int
    time: float
    image: Image
    name: str = ""
