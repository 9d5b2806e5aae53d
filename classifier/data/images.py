"""Reads image files of any kind into arrays of one size."""

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from classifier.models.network import Task

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)
# Pillow knows more, some of which call other programs (EPS).
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
"""What Pillow raises about damaged files."""

# Pillow warns of a size and refuses twice that, and of damage that does not matter; what cannot be
# read is reported once for each file.
warnings.filterwarnings("ignore", module="PIL")


class UnreadableImage(Exception):
    """Why a file cannot be used as an image."""


def is_image(path: Path) -> bool:
    """Whether a file is called like an image and not hidden."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def reason(error: Exception, path: Path) -> str:
    """What is wrong with a file, in a few words."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if path.is_file() and path.stat().st_size == 0:
        return "an empty file"
    return "not an image" if isinstance(error, UnidentifiedImageError) else str(error)


def read_image(path: Path, side: tuple[int, int], channels: int, task: Task) -> NDArray[np.uint8]:
    """Reads an image upright and brings it to a size.

    Args:
        path: File; of an animation the first picture is taken.
        side: Height and width of the result in pixels.
        channels: 1 (grey) or 3 (RGB).
        task: For "images" the middle in the shape of the result is cut out; for "pixels" the
            whole image is stretched, so that what is found in it can be carried back.

    Returns:
        ``(channels, height, width) uint8``.

    Raises:
        UnreadableImage: It is no image, is damaged, or is absurdly large.
    """
    return read_image_and_size(path, side, channels, task)[0]


def read_image_and_size(
    path: Path, side: tuple[int, int], channels: int, task: Task
) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """As ``read_image``, with the upright height and width in the file."""
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # turned by a quarter
                width, height = height, width
            # JPEG is decoded at an eighth to a half of its size where that is enough.
            image.draft("RGB", (2 * max(side), 2 * max(side)))
            upright = ImageOps.exif_transpose(image)
            pixels = scale(_eight_bit(upright), side, channels, task)
    except BROKEN as error:
        raise UnreadableImage(reason(error, path)) from error
    return pixels, (height, width)


def scale(
    image: Image.Image, side: tuple[int, int], channels: int, task: Task
) -> NDArray[np.uint8]:
    """An 8-bit image at a size, as ``(channels, height, width) uint8``."""
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
    """Height and width of an image, from its header alone.

    Raises:
        UnreadableImage: It is no image, or is absurdly large.
    """
    try:
        with Image.open(path, formats=FORMATS) as image:
            width, height = image.size
            turned = image.getexif().get(0x0112, 1) in (5, 6, 7, 8)
    except BROKEN as error:
        raise UnreadableImage(reason(error, path)) from error
    return (width, height) if turned else (height, width)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Brings 16-bit grey to 8 bits, and puts what is transparent on white."""
    if image.mode == "F":
        raise ValueError("its values are 32-bit floats; expected 8 or 16 bits")
    if image.mode.startswith("I"):
        values = np.asarray(image, np.float32)
        return Image.fromarray((values / 257).round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered)
    return image
