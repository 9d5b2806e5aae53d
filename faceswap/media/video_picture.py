"""Pictures of a video: decoded frames whose stored values are read and changed as RGB."""

from dataclasses import replace
from functools import cached_property

import cv2
import numpy as np
from av import VideoFrame
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

from faceswap.media.chroma import ChromaAxis, ChromaGrid
from faceswap.media.colour import FULL, ColourTags, RgbConverter, rgb_to_yuv
from faceswap.media.filters import LEFT, FrameFilter
from faceswap.media.picture import Picture, Rgb, Stored, add_rounded
from faceswap.media.pixel_layout import PixelLayout, pixel_layout


class PictureFormat:
    """How the pictures of a video are stored, and what their values mean.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        name: FFmpeg's name of the pixel format; a planar one, as of ``PixelLayout``.
        colour: Colour tags; what they leave open is what players assume at this size.
        place: Place of chroma across and down, as of ``ChromaAxis``.

    Attributes:
        width: Width in pixels.
        height: Height in pixels.
        name: FFmpeg's name of the pixel format.
        layout: Layout of the format.
        colour: Colour tags.
        place: Place of chroma across and down, as of ``ChromaAxis``.
        chroma: Places of the chroma values.
        to_rgb8: Conversion of a frame to 8-bit RGB.
    """

    def __init__(
        self,
        width: int,
        height: int,
        name: str,
        colour: ColourTags,
        place: tuple[float, float] = LEFT,
    ) -> None:
        self.width, self.height, self.name = width, height, name
        self.layout: PixelLayout = pixel_layout(name)
        self.colour = colour
        self.place = place
        self.chroma = ChromaGrid(
            ChromaAxis(width, self.layout.across, place[0]),
            ChromaAxis(height, self.layout.down, place[1]),
        )
        self.to_rgb8 = RgbConverter(width, height, colour)
        self._full = colour.effective_range(name) == FULL
        self._matrix = rgb_to_yuv(colour.effective_matrix(width, height))

    @property
    def dense(self) -> str:
        """FFmpeg's name of the format with a chroma value for each pixel."""
        return replace(self.layout, across=1, down=1).planar

    @cached_property
    def doubled(self) -> "PictureFormat":
        """The format of pictures twice as wide, whose values mean the same."""
        matrix = self.colour.effective_matrix(self.width, self.height)
        colour = replace(self.colour, matrix=matrix)
        return PictureFormat(2 * self.width, self.height, self.name, colour, self.place)

    @cached_property
    def scale(self) -> NDArray[np.float64]:
        """What 1 of luma (or of an RGB channel) and of both chroma channels is in stored values."""
        if self.layout.kind == "rgb" or self._full:
            return np.full(3, 2.0**self.layout.bits - 1)
        return np.array([219.0, 224.0, 224.0]) * 2 ** (self.layout.bits - 8)

    @cached_property
    def zero(self) -> NDArray[np.float64]:
        """The stored values of black."""
        if self.layout.kind == "rgb":
            return np.zeros(3)
        luma = 0.0 if self._full else 16.0
        return np.array([luma, 128.0, 128.0]) * 2 ** (self.layout.bits - 8)

    @cached_property
    def legal(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Least and greatest legal value: of luma (or of an RGB channel), and of chroma."""
        if self.layout.kind == "rgb" or self._full:
            most = 2**self.layout.bits - 1
            return (0, most), (0, most)
        unit = 2 ** (self.layout.bits - 8)
        return (16 * unit, 235 * unit), (16 * unit, 240 * unit)

    @cached_property
    def to_stored(self) -> NDArray[np.float64]:
        """``(3, 3)`` matrix from a difference of RGB to one of stored Y', Cb and Cr."""
        return self.scale[:, None] * self._matrix

    @cached_property
    def to_rgb(self) -> NDArray[np.float64]:
        """``(3, 4)`` matrix from stored Y', Cb and Cr to RGB in [0, 1]."""
        linear = np.asarray(np.linalg.inv(self.to_stored), np.float64)
        return np.hstack([linear, -linear @ self.zero[:, None]])


class VideoPicture:
    """A decoded frame as a ``Picture``.

    Args:
        frame: Upright frame; it is copied before it is changed, for its decoder may still need it.
        kept: Storage of the frame, with its size and pixel format.

    Attributes:
        frame: The frame.
        width: Width in pixels.
        height: Height in pixels.
        bits: Bits per channel.
    """

    def __init__(self, frame: VideoFrame, kept: PictureFormat) -> None:
        if (frame.width, frame.height, frame.format.name) != (kept.width, kept.height, kept.name):
            raise ValueError(
                f"expected {kept.width} x {kept.height} {kept.name}, got {frame.width} x"
                f" {frame.height} {frame.format.name}"
            )
        self.frame = frame
        self.width, self.height, self.bits = kept.width, kept.height, kept.layout.bits
        self._format = kept
        self._planes = [_values(frame, index) for index in range(len(frame.planes))]
        self._own = False

    def read(self, x0: int, y0: int, x1: int, y1: int) -> Rgb:
        """See ``Picture.read``."""
        kept, planes = self._format, self._planes
        first = planes[0][y0:y1, x0:x1].astype(np.float32)
        if kept.layout.kind == "yuv":
            chroma = [kept.chroma.read(plane, x0, y0, x1, y1) for plane in planes[1:3]]
            return np.asarray(cv2.transform(cv2.merge([first, *chroma]), kept.to_rgb), np.float32)
        if kept.layout.kind == "rgb":
            blue, red = (plane[y0:y1, x0:x1].astype(np.float32) for plane in planes[1:3])
            channels = [red, first, blue]
        else:
            channels = [first] * 3
        rgb = cv2.merge(channels)
        return (rgb - np.float32(kept.zero[0])) / np.float32(kept.scale[0])

    def add(self, x0: int, y0: int, difference: Rgb) -> None:
        """See ``Picture.add``."""
        if not difference.size:
            return
        self._make_own()
        kept, planes = self._format, self._planes
        luma, chroma = kept.legal
        if kept.layout.kind == "rgb":
            for plane, channel in zip(planes, (1, 2, 0), strict=False):
                _add_at(plane, difference[..., channel] * np.float32(kept.scale[0]), x0, y0, luma)
            return
        stored = cv2.split(cv2.transform(difference, kept.to_stored))
        change = [np.asarray(channel, np.float32) for channel in stored]
        _add_at(planes[0], change[0], x0, y0, luma)
        if kept.layout.kind == "grey":
            return
        for plane, channel in zip(planes[1:3], change[1:], strict=True):
            _add_at(plane, *kept.chroma.average(channel, x0, y0), chroma)

    @property
    def alpha(self) -> Stored | None:
        """Opacity, ``(H, W)`` in stored values; None if it has none."""
        return self._planes[3] if self._format.layout.alpha else None

    def _make_own(self) -> None:
        if not self._own:
            self.frame.make_writable()
            self._planes = [_values(self.frame, index) for index in range(len(self._planes))]
            self._own = True

    def rgb8(self) -> NDArray[np.uint8]:
        """See ``Picture.rgb8``."""
        return self._format.to_rgb8(self.frame)

    def copy(self) -> "VideoPicture":
        """See ``Picture.copy``."""
        # PyAV cannot set all properties of a new frame: place of chroma and order of fields.
        own = FrameFilter(self.frame, [("copy", "")])(self.frame)
        return VideoPicture(own, self._format)

    def beside(self, other: "VideoPicture") -> "VideoPicture":
        """See ``Picture.beside``."""
        # Stretched, a frame keeps its properties; its values are replaced.
        wide = self.frame.reformat(2 * self.width, interpolation=Interpolation.POINT)
        both = VideoPicture(wide, self._format.doubled)
        both._make_own()
        for plane, left, right in zip(both._planes, self._planes, other._planes, strict=True):
            columns = left.shape[1]
            plane[:, :columns] = left
            plane[:, columns:] = right[:, 2 * columns - plane.shape[1] :]
        return both


def stored_picture(pixels: Picture, kept: PictureFormat) -> VideoPicture:
    """A picture in the format of a video, made of any other one of its size.

    Args:
        pixels: The other picture. Without opacity, it is opaque.
        kept: Storage of the new picture.
    """
    frame, tags = VideoFrame(kept.width, kept.height, kept.name), kept.colour
    # ProRes takes them from its frames.
    frame.colorspace, frame.color_range = tags.matrix, tags.range
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    stored = VideoPicture(frame, kept)
    for plane, black in zip(stored._planes, kept.zero, strict=False):
        plane[:] = round(black)
    stored.add(0, 0, pixels.read(0, 0, kept.width, kept.height))
    if stored.alpha is not None:
        given = pixels.alpha
        opacity = 1.0 if given is None else given / np.float32(2**pixels.bits - 1)
        stored.alpha[:] = np.rint(opacity * np.float32(2**kept.layout.bits - 1))
    return stored


def _add_at(
    plane: Stored, change: NDArray[np.float32], x0: int, y0: int, legal: tuple[int, int]
) -> None:
    height, width = change.shape
    add_rounded(plane[y0 : y0 + height, x0 : x0 + width], change, *legal)


def _values(frame: VideoFrame, index: int) -> Stored:
    """View of the values of a plane."""
    plane = frame.planes[index]
    pixels = memoryview(plane)
    if any(component.bits > 8 for component in frame.format.components):
        return np.frombuffer(pixels, np.uint16).reshape(plane.height, -1)[:, : plane.width]
    return np.frombuffer(pixels, np.uint8).reshape(plane.height, -1)[:, : plane.width]
