"""Reads image files of any kind into small squares."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm", ".pgm"}
)


class UnreadableImage(Exception):
    """Why a file cannot be used as an image."""


def read_square(path: Path, size: int, channels: int) -> np.ndarray:
    """Reads an image upright, cuts its middle square and scales it.

    Args:
        path: File; of an animation the first picture is taken.
        size: Side of the result in pixels.
        channels: 1 (grey) or 3 (RGB).

    Returns:
        ``(channels, size, size) uint8``.

    Raises:
        UnreadableImage: It is no image, is damaged, or is absurdly large.
    """
    try:
        with Image.open(path) as image:
            # JPEG is decoded at an eighth to a half of its size where that is enough.
            image.draft("RGB", (2 * size, 2 * size))
            upright = ImageOps.exif_transpose(image)
            plain = _eight_bit(upright).convert("L" if channels == 1 else "RGB")
            square = ImageOps.fit(plain, (size, size), Image.Resampling.LANCZOS)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "not an image" if isinstance(error, UnidentifiedImageError) else str(error)
        raise UnreadableImage(reason) from error
    pixels = np.asarray(square, np.uint8).reshape(size, size, channels)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))  # HWC -> CHW


def _eight_bit(image: Image.Image) -> Image.Image:
    """Brings 16-bit grey to 8 bits, and puts what is transparent on white."""
    if image.mode.startswith("I"):
        values = np.asarray(image, np.float32)
        return Image.fromarray((values / 257).round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        layered = image.convert("RGBA")
        white = Image.new("RGBA", layered.size, "white")
        return Image.alpha_composite(white, layered)
    return image
