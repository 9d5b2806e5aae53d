"""Chroma of Y'CbCr video: from its own resolution to that of the pixels, and back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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

    def around(self, first: int, end: int) -> NDArray[np.intp]:
        """Indices of the values from which the pixels ``first`` to ``end - 1`` are interpolated."""
        if self.shared == 1:
            return np.arange(first, end)
        # Beyond its edge, a picture continues as it ends there.
        return np.arange(first // 2 - 1, (end - 1) // 2 + 2).clip(0, (self.pixels - 1) // 2)

    def to_pixels(self, values: Values, first: int, end: int) -> Values:
        """Interpolates pixels, along the first axis, from the values ``around`` them."""
        if self.shared == 1:
            return values
        before, own, after = values[:-2], values[1:-1], values[2:]
        pixels = np.empty((2 * len(own), *own.shape[1:]), np.float32)
        pixels[::2] = own + np.float32(self.place / 2) * (before - own)
        pixels[1::2] = own + np.float32((1 - self.place) / 2) * (after - own)
        skipped = first % 2
        return pixels[skipped : skipped + end - first]

    def from_pixels(self, change: Values, first: int) -> tuple[Values, int]:
        """Averages a change of pixels over those around each value.

        Args:
            change: Change of the pixels from ``first`` on, along the first axis; that of the others
                is 0.
            first: Index of the first of these pixels.

        Returns:
            Change of values, and the index of the first of them.
        """
        if self.shared == 1:
            return change, first
        end = first + len(change)
        low, high = max(0, first // 2 - 1), min((self.pixels + 1) // 2, end // 2 + 1)
        begin = 2 * low - 1  # pixel before those of the first value
        padded = np.zeros((2 * (high - low) + 2, *change.shape[1:]), np.float32)
        padded[first - begin : end - begin] = change
        if first == 0:
            padded[: first - begin] = change[0]
        if end == self.pixels:
            padded[end - begin :] = change[-1]
        total = np.zeros((high - low, *change.shape[1:]), np.float32)
        for offset, weight in enumerate(_AVERAGES[self.place]):
            if weight:
                total += np.float32(weight) * padded[offset : offset + 2 * (high - low) : 2]
        return total, low
