"""The picture: pixels at the depth at which they are stored, read and changed as float RGB."""

from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

Rgb = NDArray[np.float32]
Stored = NDArray[np.uint8] | NDArray[np.uint16]


class Picture(Protocol):
    """An upright picture at full depth.

    A part of it is read as RGB, and changed by adding a difference to it. What is not changed
    keeps its stored values to the bit, in whatever format they are.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        bits: Bits per channel of the stored values.
    """

    width: int
    height: int
    bits: int

    def read(self, x0: int, y0: int, x1: int, y1: int) -> Rgb:
        """Reads the pixels with ``x0 <= x < x1`` and ``y0 <= y < y1``, within the picture.

        Returns:
            ``(y1 - y0, x1 - x0, 3) float32`` RGB, nominally in [0, 1]. Video may go a little beyond
            (highlights above white, colours outside of RGB); it is not clipped, so that adding
            ``wanted - read(...)`` gives ``wanted``.
        """
        ...

    def add(self, x0: int, y0: int, difference: Rgb) -> None:
        """Adds a difference to the pixels from ``(x0, y0)`` on, in place.

        Stored values are rounded once, and clipped to their legal range. Where the difference is 0
        for all pixels of a stored value, it keeps its bits.

        Args:
            x0: Left column of the pixels.
            y0: Top row of the pixels.
            difference: ``(h, w, 3) float32`` RGB, within the picture.
        """
        ...

    @property
    def alpha(self) -> Stored | None:
        """Opacity, ``(H, W)`` of ``bits`` bits; None without one."""
        ...

    def rgb8(self) -> NDArray[np.uint8]:
        """The picture as ``(H, W, 3) uint8`` RGB, contiguous and writable.

        It is the array of the picture itself if that is stored so, and a copy otherwise.
        """
        ...

    def copy(self) -> Self:
        """A picture with values of its own."""
        ...

    def beside(self, other: Self) -> Self:
        """A picture twice as wide: this one, and at its right another one of its size and format.

        Stored values are copied. Only where two halves of an odd width share a chroma value, the
        chroma of the right one moves by a pixel.
        """
        ...


class RgbPicture:
    """A picture over an RGB array, of a photograph for example.

    Args:
        pixels: ``(H, W, 3)`` RGB or ``(H, W, 4)`` RGBA, ``uint8`` or ``uint16`` of full range;
            changed in place, but for the opacity.

    Attributes:
        pixels: The array.
        width: Width in pixels.
        height: Height in pixels.
        bits: Bits per channel, 8 or 16.
    """

    def __init__(self, pixels: Stored) -> None:
        if pixels.ndim != 3 or pixels.shape[2] not in (3, 4) or pixels.dtype.kind != "u":
            raise ValueError(f"expected (H, W, 3 or 4) uint8 or uint16, got {pixels.shape}")
        self.pixels = pixels
        self.height, self.width = pixels.shape[:2]
        self.bits = 8 * pixels.dtype.itemsize

    @property
    def alpha(self) -> Stored | None:
        """Opacity, ``(H, W)`` of the type of the pixels; None without one."""
        return self.pixels[..., 3] if self.pixels.shape[2] == 4 else None

    def read(self, x0: int, y0: int, x1: int, y1: int) -> Rgb:
        """See ``Picture.read``; always in [0, 1]."""
        region = self.pixels[y0:y1, x0:x1, :3]
        return region * np.float32(1 / np.iinfo(region.dtype).max)

    def add(self, x0: int, y0: int, difference: Rgb) -> None:
        """See ``Picture.add``."""
        height, width = difference.shape[:2]
        region = self.pixels[y0 : y0 + height, x0 : x0 + width, :3]
        most = int(np.iinfo(region.dtype).max)
        add_rounded(region, difference * np.float32(most), 0, most)

    def rgb8(self) -> NDArray[np.uint8]:
        """See ``Picture.rgb8``."""
        if self.pixels.dtype == np.uint8:
            return np.require(self.pixels[..., :3], np.uint8, ["C", "W"])
        return ((self.pixels[..., :3].astype(np.uint32) + 128) // 257).astype(np.uint8)

    def copy(self) -> "RgbPicture":
        """See ``Picture.copy``."""
        return RgbPicture(self.pixels.copy())

    def beside(self, other: "RgbPicture") -> "RgbPicture":
        """See ``Picture.beside``."""
        height, width, channels = self.pixels.shape
        both = np.empty_like(self.pixels, shape=(height, 2 * width, channels))
        both[:, :width], both[:, width:] = self.pixels, other.pixels
        return RgbPicture(both)


def add_rounded(values: Stored, difference: NDArray[np.float32], least: int, most: int) -> None:
    """Adds a difference to stored values in place: rounded once, clipped to a range.

    A value that is outside of the range already may stay where it is, and comes no further.

    Args:
        values: Stored values of any shape.
        difference: Difference in units of the stored values, of the same shape.
        least: Least legal value.
        most: Greatest legal value.
    """
    before = values.astype(np.int32)
    after = before + np.rint(difference).astype(np.int32)
    np.clip(after, np.minimum(before, least), np.maximum(before, most), out=after)
    values[...] = after
