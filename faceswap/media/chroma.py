"""Chroma of Y'CbCr video: from its own resolution to that of the pixels, and back."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.media.picture import Stored

Values = NDArray[np.float32]

# By the place of a value: weights of the pixel before the two that share it, of these, and of the
# pixel after them.
_AVERAGES = {
    0.0: (0.25, 0.5, 0.25, 0.0),
    0.5: (0.0, 0.5, 0.5, 0.0),
    1.0: (0.0, 0.25, 0.5, 0.25),
}


@dataclass(frozen=True)
class ChromaAxis:
    """One axis of a picture, with a chroma value for every one or two of its pixels.

    Attributes:
        pixels: Number of pixels.
        shared: Number of pixels that share a value, 1 or 2.
        place: Place of a value: 0 at the first of its pixels, 0.5 between them, 1 at the second.
    """

    pixels: int
    shared: int = 1
    place: float = 0.0

    def around(self, first: int, end: int) -> tuple[int, int]:
        """First and end of the values on which pixels depend, or that they change."""
        if self.shared == 1:
            return first, end
        return max(0, first // 2 - 1), min((self.pixels + 1) // 2, (end - 1) // 2 + 2)

    def step(self, first: int, low: int) -> tuple[float, float]:
        """Distance of pixels in values, and how far the first is from the value ``low``."""
        if self.shared == 1:
            return 1.0, float(first - low)
        return 0.5, (first - self.place) / 2 - low

    def pads(self, first: int, end: int) -> tuple[int, int]:
        """Number of pixels before and after the given ones that share the values around."""
        low, high = self.around(first, end)
        return first - self.shared * low, max(0, min(self.shared * high, self.pixels) - end)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Weights with which pixels make a value; the second is that of the first it shares."""
        return np.array(_AVERAGES[self.place] if self.shared == 2 else (0.0, 1.0))


@dataclass(frozen=True)
class ChromaGrid:
    """The places of the chroma values of a picture.

    Attributes:
        across: Places along a row.
        down: Places along a column.
    """

    across: ChromaAxis
    down: ChromaAxis

    def read(self, plane: Stored, x0: int, y0: int, x1: int, y1: int) -> Values:
        """Interpolates the pixels with ``x0 <= x < x1`` and ``y0 <= y < y1`` from the values."""
        left, right = self.across.around(x0, x1)
        top, bottom = self.down.around(y0, y1)
        values = plane[top:bottom, left:right].astype(np.float32)
        if self.across.shared == self.down.shared == 1:
            return values
        (wide, x), (high, y) = self.across.step(x0, left), self.down.step(y0, top)
        pixels = cv2.warpAffine(
            values,
            np.array([[wide, 0, x], [0, high, y]]),
            (x1 - x0, y1 - y0),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            # Beyond its edge, a picture continues as it ends there.
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(pixels, np.float32)

    def average(self, change: Values, x0: int, y0: int) -> tuple[Values, int, int]:
        """Averages a change of pixels over those around each value.

        Args:
            change: Change of the pixels from ``(x0, y0)`` on, ``(h, w)``; that of others is 0.
            x0: Left column of the pixels.
            y0: Top row of the pixels.

        Returns:
            Change of values, and column and row of the first of them.
        """
        across, down = self.across, self.down
        if across.shared == down.shared == 1:
            return change, x0, y0
        x1, y1 = x0 + change.shape[1], y0 + change.shape[0]
        sides = *down.pads(y0, y1), *across.pads(x0, x1)
        padded = cv2.copyMakeBorder(change, *sides, cv2.BORDER_CONSTANT, value=0)
        blurred = cv2.sepFilter2D(
            padded,
            -1,
            across.weights,
            down.weights,
            anchor=(1, 1),
            borderType=cv2.BORDER_REPLICATE,
        )
        left, top = across.around(x0, x1)[0], down.around(y0, y1)[0]
        return np.asarray(blurred[:: down.shared, :: across.shared], np.float32), left, top
