"""Photographs at full depth: 16 bits per channel where the file has them."""

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.image_header import open_image
from faceswap.media.image_bytes import channel_bits, orientation_of
from faceswap.media.images import (
    DEEP_FORMATS,
    READ_FORMATS,
    decode,
    read_file,
    rgb_profile,
)
from faceswap.media.picture import RgbPicture


def read_picture(path: Path) -> tuple[RgbPicture, int]:
    """Reads a photograph, upright and in sRGB.

    PNG and TIFF of 16 bits per channel keep them, and their opacity. Other photographs, and those
    whose colours have to be converted to sRGB, are read as ``images.read_image`` does.

    Returns:
        The picture, and the number of bits per channel that the file has.

    Raises:
        MediaError: See ``images.read_image``.
    """
    with open_image(path, READ_FORMATS) as header:
        data = read_file(path, header)
        pixels = _decode_deep(header, data)
        picture = RgbPicture(decode(path, header, data) if pixels is None else pixels)
        return picture, channel_bits(header, data)


def _decode_deep(header: PillowImage.Image, data: bytes) -> NDArray[np.uint16] | None:
    """``(H, W, 3 or 4)`` RGB or RGBA; None if the pixels do not have 16 bits, or not of sRGB."""
    if header.format not in DEEP_FORMATS or channel_bits(header, data) <= 8:
        return None
    try:
        if rgb_profile(header) is not None:
            return None
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (OSError, ImageCms.PyCMSError, cv2.error):
        return None
    if pixels is None or pixels.dtype != np.uint16:
        return None
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    rgb = cv2.cvtColor(pixels, _TO_RGB[channels])
    return np.ascontiguousarray(orientation_of(header, data).apply(np.asarray(rgb, np.uint16)))


_TO_RGB = {1: cv2.COLOR_GRAY2RGB, 3: cv2.COLOR_BGR2RGB, 4: cv2.COLOR_BGRA2RGBA}
