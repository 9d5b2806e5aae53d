"""The frame: an upright picture of a video or a photograph, with its time."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.media.picture import Picture, RgbPicture

Image = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Frame:
    """A frame of a video or a photograph.

    Attributes:
        index: Position in presentation order, from 0. A frame that cannot be decoded leaves a gap,
            so the indices of the others do not depend on how the file is read.
        pts: Presentation time stamp in units of the source's time base, strictly increasing. The
            file begins at 0, whatever the time stamps stored in it.
        time: Presentation time in seconds.
        pixels: Upright picture at full depth; or ``(H, W, 3) uint8`` RGB, contiguous and writable.
        name: File name of a photograph; empty for a frame of a video.
        duration: Duration in units of the time base; 0 if unknown.
        pixel_aspect: Width over height of a pixel when the frame is displayed.
        faulty: Whether it was decoded with errors.
    """

    index: int
    pts: int
    time: float
    pixels: Picture | Image
    name: str = ""
    duration: int = 0
    pixel_aspect: float = 1.0
    faulty: bool = False

    def copy(self) -> "Frame":
        """A frame with pixels of its own."""
        return replace(self, pixels=self.pixels.copy())

    @cached_property
    def picture(self) -> Picture:
        """The picture at full depth."""
        return RgbPicture(self.pixels) if isinstance(self.pixels, np.ndarray) else self.pixels

    @cached_property
    def image(self) -> Image:
        """The picture as ``(H, W, 3) uint8`` RGB, made when it is first asked for.

        More than 8 bits per channel, HDR included, are reduced to 8 bits. Changes of the array
        reach the picture only if that is stored as one.
        """
        return self.pixels if isinstance(self.pixels, np.ndarray) else self.pixels.rgb8()

    def displayed(self) -> Image:
        """The image in display proportions, with square pixels; itself if it has them already.

        Its height is that of the stored image.
        """
        aspect = self.pixel_aspect
        if aspect == 1:
            return self.image
        height, width = self.image.shape[:2]
        # Pixel centres are integers, so the first one moves too.
        stretch = np.array([[aspect, 0, (aspect - 1) / 2], [0, 1, 0]])
        size = (max(1, round(width * aspect)), height)
        return np.asarray(
            cv2.warpAffine(self.image, stretch, size, borderMode=cv2.BORDER_REPLICATE), np.uint8
        )
