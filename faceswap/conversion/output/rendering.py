"""Renders what is written of each frame: the converted frame, or another view of it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from faceswap.conversion.output.views import Rendered, Shown, render_view
from faceswap.conversion.swap.swapper import SwappedFrame, Swapper
from faceswap.conversion.swap.time_window import FrameFaces
from faceswap.media.picture import Picture, Rgb, RgbPicture


@dataclass(frozen=True)
class Renderer:
    """Blends decoded faces into their frames, and renders a view of each.

    Attributes:
        swapper: Swapper of the faces.
        view: View that is rendered.
    """

    swapper: Swapper
    view: Shown = "swap"

    def __call__(self, decoded: Iterable[FrameFaces]) -> Iterator[SwappedFrame]:
        """Renders frames of a video.

        Args:
            decoded: Frames with the faces of ``Swapper.decode``.

        Yields:
            The frames in order, each with the pixels of the view. With ``patch`` they are those of
            the source.
        """
        if self.view == "swap":
            yield from self.swapper.blended(decoded)
            return
        for swapped in self.swapper.unblended(decoded):
            if self.view == "patch":
                yield swapped
                continue
            picture = swapped.frame.picture
            if self.view == "side-by-side":
                source = picture.copy()
                self.swapper.blend(swapped)
                shown = source.beside(picture)
            else:
                shown = self._rendered(swapped, picture, self.view)
            yield replace(swapped, frame=replace(swapped.frame, pixels=shown))

    def _rendered(self, swapped: SwappedFrame, picture: Picture, view: Rendered) -> Picture:
        source = _read(picture)
        self.swapper.blend(swapped)
        pixels = render_view(view, source, _read(picture), swapped.faces)
        return RgbPicture(in_bits(pixels, 8 if picture.bits == 8 else 16))


def _read(picture: Picture) -> Rgb:
    return picture.read(0, 0, picture.width, picture.height).clip(0, 1)


def in_bits(pixels: Rgb, bits: int) -> np.ndarray:
    """Pixels in [0, 1] as ``uint8`` or ``uint16`` of full range.

    Args:
        pixels: ``(H, W, C) float32``.
        bits: 8 or 16.
    """
    kind = np.uint8 if bits == 8 else np.uint16
    return np.rint(pixels * np.float32(np.iinfo(kind).max)).astype(kind)
