"""Read image files into arrays of one size."""

import io
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from classifier.models.network import Task
from faceswap.core.image_header import LIMIT_VARIABLE, use_pixel_limit

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
# Pillow reads more formats, some by calling other programs (EPS).
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "PPM")
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""Exceptions that Pillow raises for damaged files."""

_ORIENTATION = 0x0112  # EXIF tag

# Pillow warns about large sizes and harmless damage; unreadable files are reported by the reader.
warnings.filterwarnings("ignore", module="PIL")


class UnreadableImage(Exception):
    """A file that cannot be used as an image; the message is the reason."""


def reason(error: Exception, source: Path | bytes) -> str:
    """Short reason why an image cannot be read from a file or from its bytes."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    empty = not source if isinstance(source, bytes) else _is_empty(source)
    if empty:
        return "an empty file"
    if isinstance(error, Image.DecompressionBombError):
        return f"more pixels than the limit, which {LIMIT_VARIABLE} can raise"
    if isinstance(error, UnidentifiedImageError):
        return "not an image"
    return getattr(error, "strerror", None) or str(error)


def _is_empty(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size == 0
    except OSError:  # a name that is too long, say
        return False


def read_image(
    source: Path | bytes, side: tuple[int, int], channels: int, task: Task
) -> NDArray[np.uint8]:
    """Read an image upright (EXIF) and resize it.

    Args:
        source: Image file, or its content; the first frame of an animation is used.
        side: Height and width of the result in pixels.
        channels: 1 (grey) or 3 (RGB).
        task: "images" or "pixels". For "images", the image is centre-cropped to the aspect ratio
            of ``side``; for "pixels", the whole image is stretched to it.

    Returns:
        ``(channels, height, width) uint8``.

    Raises:
        UnreadableImage: Not an image, damaged, or above the limit of pixels.
    """
    return read_image_and_size(source, side, channels, task)[0]


def read_image_and_size(
    source: Path | bytes, side: tuple[int, int], channels: int, task: Task
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """As ``read_image``; also returns the upright height and width of the file's image."""
    try:
        with open_limited(source) as image:
            size = _upright(image)
            # Decodes JPEG at a reduced size where that is enough.
            image.draft("RGB", (2 * max(side), 2 * max(side)))
            upright = ImageOps.exif_transpose(image)
            pixels = scale(_eight_bit(upright), side, channels, task)
    except BROKEN as error:
        raise UnreadableImage(reason(error, source)) from error
    return pixels, size


def open_limited(source: Path | bytes) -> Image.Image:
    """Open an image with Pillow, unless it has more pixels than ``core.image_header`` allows.

    Raises:
        BROKEN: Not an image, a damaged header, or too many pixels.
    """
    use_pixel_limit()
    if isinstance(source, Path) and source.exists() and not source.is_file():
        raise ValueError("not a regular file")  # reading a pipe might never end
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    return Image.open(file, formats=FORMATS)


def _upright(image: Image.Image) -> tuple[int, int]:
    """Upright height and width of an image that is opened but not decoded."""
    width, height = image.size
    # The size that Pillow gives for TIFF is upright already; for other formats it is as stored.
    turned = image.format != "TIFF" and image.getexif().get(_ORIENTATION, 1) in (5, 6, 7, 8)
    return (width, height) if turned else (height, width)


def scale(
    image: Image.Image, side: tuple[int, int], channels: int, task: Task
) -> NDArray[np.uint8]:
    """Resize an 8-bit image to ``(channels, height, width) uint8``."""
    plain = image.convert("L" if channels == 1 else "RGB")
    size = (side[1], side[0])
    if plain.size != size:
        if task == "images":
            plain = ImageOps.fit(plain, size, Image.Resampling.LANCZOS)
        else:
            plain = plain.resize(size, Image.Resampling.LANCZOS)
    pixels = np.asarray(plain, np.uint8).reshape(*side, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))  # HWC -> CHW


def upright_size(path: Path) -> tuple[int, int]:
    """Upright height and width of an image, from its header.

    Raises:
        UnreadableImage: Not an image, or above the limit of pixels.
    """
    try:
        with open_limited(path) as image:
            return _upright(image)
    except BROKEN as error:
        raise UnreadableImage(reason(error, path)) from error


def _eight_bit(image: Image.Image) -> Image.Image:
    """Convert 16-bit grey to 8 bits, and composite transparency onto white."""
    if image.mode == "F":
        raise ValueError("expected 8 or 16 bits per channel, found 32-bit floats")
    if image.mode.startswith("I"):
        values = np.asarray(image, np.float32)
        return Image.fromarray((values / 257).round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered)
    return image
