"""Colour of video: matrix and range of a stream, and exact conversion from and to 8-bit RGB."""

from dataclasses import dataclass, replace
from threading import Lock

import cv2
import numpy as np
from av import VideoFormat, VideoFrame
from av.video.reformatter import ColorRange, VideoReformatter
from numpy.typing import NDArray

from faceswap.media.filters import EXACT, EXACT_DOWN, THREADS, FrameFilter

# ITU-T H.273 code points, as FFmpeg uses them.
RGB, BT709, UNSPECIFIED, BT470BG, SMPTE170M, BT2020_CL = 0, 1, 2, 5, 6, 10
# Ranges as FFmpeg numbers them.
LIMITED, FULL = int(ColorRange.MPEG), int(ColorRange.JPEG)

# Weights of red and blue in the luma of each matrix that can be converted.
_LUMA_WEIGHTS = {
    BT709: (0.2126, 0.0722),
    4: (0.30, 0.11),
    BT470BG: (0.299, 0.114),
    SMPTE170M: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}


@dataclass(frozen=True)
class ColourTags:
    """Colour tags of a stream as H.273 code points; 2 (range: 0) means "unspecified".

    Attributes:
        matrix: RGB to YUV matrix (1 = BT.709, 5 and 6 = BT.601, 9 = BT.2020).
        range: 1 = limited (16 to 235), 2 = full (0 to 255), 0 = unspecified.
        primaries: Colour primaries.
        transfer: Transfer characteristic.
    """

    matrix: int = UNSPECIFIED
    range: int = 0
    primaries: int = UNSPECIFIED
    transfer: int = UNSPECIFIED

    @classmethod
    def of_frame(cls, frame: VideoFrame) -> "ColourTags":
        """Reads the tags of a decoded frame."""
        return cls(frame.colorspace, frame.color_range, frame.color_primaries, frame.color_trc)

    def effective_matrix(self, width: int, height: int) -> int:
        """Matrix for the conversion: the tag, or what players assume for an untagged stream.

        Players assume BT.709 for untagged streams at least 1280 pixels wide or more than 576
        lines high, and BT.601 for smaller ones.
        """
        if self.matrix == BT2020_CL:
            return 9
        if self.matrix in _LUMA_WEIGHTS:
            return self.matrix
        return BT709 if width >= 1280 or height > 576 else SMPTE170M

    def for_upright(
        self, stored: tuple[int, int], upright: tuple[int, int], pixel_format: str
    ) -> "ColourTags":
        """Tags to write for frames that were stored in another size or format.

        They are unchanged unless a player would use another matrix: if the matrix cannot be
        written, or if rotating an untagged stream changes what players assume. Streams stored as
        RGB become limited range, which every player supports.

        Args:
            stored: Width and height in pixels at which the frames were converted to RGB.
            upright: Width and height in pixels at which they are written.
            pixel_format: FFmpeg's name of the stored pixel format.
        """
        if VideoFormat(pixel_format).is_rgb:
            return replace(self, matrix=self.effective_matrix(*upright), range=1)
        matrix = self.effective_matrix(*stored)
        tagged = self.matrix in _LUMA_WEIGHTS or self.matrix == UNSPECIFIED
        if tagged and self.effective_matrix(*upright) == matrix:
            return self
        return replace(self, matrix=matrix)

    def effective_range(self, pixel_format: str) -> int:
        """Range for the conversion; limited if untagged, except for the ``yuvj`` formats."""
        if pixel_format.startswith("yuvj"):
            return FULL
        return self.range if self.range in (LIMITED, FULL) else LIMITED


class RgbConverter:
    """Converts decoded frames of any bit depth to 8-bit RGB arrays of one size.

    Args:
        width: Width of the arrays in pixels.
        height: Height of the arrays in pixels.
        colour: Colour tags of the stream.
    """

    def __init__(self, width: int, height: int, colour: ColourTags) -> None:
        self._size = (width, height)
        self._colour = colour
        self._matrix = colour.effective_matrix(width, height)
        self._scaler = VideoReformatter()
        self._lock = Lock()

    def __call__(self, frame: VideoFrame) -> NDArray[np.uint8]:
        """Converts one frame; several threads may do so.

        Returns:
            ``(H, W, 3) uint8`` RGB, contiguous and writable.
        """
        if not frame.format.is_rgb:
            frame.colorspace = self._matrix
            frame.color_range = self._colour.effective_range(frame.format.name)
        width, height = self._size
        with self._lock:
            rgb = self._scaler.reformat(
                frame, width, height, "rgb24", interpolation=EXACT, threads=THREADS
            )
        return np.require(rgb.to_ndarray(), np.uint8, ["C", "W"])


class YuvConverter:
    """Converts 8-bit RGB arrays to frames for an encoder, the exact inverse of ``RgbConverter``.

    Chroma is sited at the left of every pair of pixels, the default of H.264 and H.265; centred
    chroma would move by half a pixel with every generation.

    Args:
        width: Width in pixels.
        height: Height in pixels.
        colour: Colour tags to write, which also determine matrix and range.
        pixel_format: FFmpeg's name of the pixel format of the frames.
    """

    def __init__(self, width: int, height: int, colour: ColourTags, pixel_format: str) -> None:
        self._size = (width, height)
        self._format = pixel_format
        matrix = colour.effective_matrix(width, height)
        self._matrix = BT470BG if matrix == SMPTE170M else matrix
        self._range = colour.effective_range(pixel_format)
        self._scaler = VideoReformatter()
        self._to_yuv: NDArray[np.float64] | None = None
        if self._range == FULL:
            # swscale rounds full-range chroma down, which tints every copy green.
            self._to_yuv = np.hstack([rgb_to_yuv(matrix), [[0], [128], [128]]])
        self._frame = _left_sited(width, height, "rgb24" if self._to_yuv is None else "yuv444p")
        self._planes = [_pixels(self._frame, index) for index in range(len(self._frame.planes))]

    def __call__(self, image: NDArray[np.uint8]) -> VideoFrame:
        """Converts one ``(H, W, 3) uint8`` RGB array."""
        if self._to_yuv is None:
            self._planes[0][:] = image.reshape(self._planes[0].shape)
        else:
            for plane, values in zip(
                self._planes, cv2.split(cv2.transform(image, self._to_yuv)), strict=True
            ):
                plane[:] = values
        return self._scaler.reformat(
            self._frame,
            *self._size,
            self._format,
            src_colorspace=None if self._to_yuv is None else self._matrix,
            src_color_range=FULL,
            dst_colorspace=self._matrix,
            dst_color_range=self._range,
            interpolation=EXACT_DOWN,
            threads=THREADS,
        )


def matrix_change(before: int, after: int) -> NDArray[np.float64] | None:
    """Correction of RGB that was converted from YUV with another matrix than that of the stream.

    Args:
        before: Matrix of the conversion.
        after: Matrix of the stream.

    Returns:
        ``(3, 3)`` matrix from the RGB of one conversion to that of the other; None if both are the
        same.
    """
    if _LUMA_WEIGHTS[before] == _LUMA_WEIGHTS[after]:
        return None
    return np.linalg.inv(rgb_to_yuv(after)) @ rgb_to_yuv(before)


def rgb_to_yuv(matrix: int) -> NDArray[np.float64]:
    """``(3, 3)`` matrix from RGB in [0, 1] to luma in [0, 1], and Cb and Cr in [-0.5, 0.5].

    Args:
        matrix: One that ``ColourTags.effective_matrix`` gives.
    """
    red, blue = _LUMA_WEIGHTS[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    return np.stack(
        [
            luma,
            (np.array([0, 0, 1]) - luma) / (2 * (1 - blue)),
            (np.array([1, 0, 0]) - luma) / (2 * (1 - red)),
        ]
    )


def _pixels(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    """View of the bytes of a plane, rows without padding."""
    plane = frame.planes[index]
    rows = np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, plane.line_size)
    return rows[:, : plane.width * (3 if frame.format.is_rgb else 1)]


def _left_sited(width: int, height: int, pixel_format: str) -> VideoFrame:
    """A frame whose chroma location is passed on to frames converted from it.

    PyAV can set the location through a filter only.
    """
    marked = VideoFrame(width, height, pixel_format)
    marked = FrameFilter(marked, [("setparams", "chroma_location=left:range=full")])(marked)
    if marked.format.is_rgb:
        marked.colorspace = RGB
    return marked
