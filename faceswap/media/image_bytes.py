"""What the bytes of an image file tell before its pixels are decoded."""

import struct
from pathlib import Path

import numpy as np
from PIL import Image as PillowImage
from PIL.PpmImagePlugin import PpmImageFile

from faceswap.core.image_header import BROKEN_IMAGE, check_size
from faceswap.media.orientation import Orientation

_ORIENTATION_TAG = 0x0112  # of EXIF and TIFF
_BITS_PER_SAMPLE = 258  # tag of TIFF


def channel_bits(header: PillowImage.Image, data: bytes) -> int:
    """Bits per channel of the stored pixels.

    Args:
        header: The file opened with Pillow.
        data: Content of the file, or the beginning of it.
    """
    try:
        if header.format == "PNG":
            return data[24]
        if header.format == "TIFF":
            return int(np.max(header.getexif().get(_BITS_PER_SAMPLE, 8)))  # grey has one number
        if header.format == "AVIF" and (start := data.find(b"pixi")) > 0:
            return data[start + 9]  # after version, flags and the number of channels
        if header.format == "JPEG2000" and (start := data.find(b"ihdr")) > 0:
            return (data[start + 14] & 0x7F) + 1  # after height, width and the number of channels
    except BROKEN_IMAGE:
        return 8
    if isinstance(header, PpmImageFile) and isinstance(args := header.tile[0].args, tuple):
        return int(args[-1]).bit_length()  # the largest value
    return 16 if header.mode.startswith(("I", "F")) else 8


def orientation_of(header: PillowImage.Image, data: bytes) -> Orientation:
    """The orientation of the pixels that OpenCV returns.

    Args:
        header: The file opened with Pillow.
        data: Content of the file.
    """
    # OpenCV turns TIFF whatever the flags say. Without this chunk Pillow would decode a PNG in
    # search of the tag.
    if header.format == "TIFF" or (header.format == "PNG" and b"eXIf" not in data):
        return Orientation()
    try:
        return Orientation.of_exif(header.getexif().get(_ORIENTATION_TAG, 1))
    except BROKEN_IMAGE:
        return Orientation()


def is_truncated(data: bytes) -> bool:
    """Whether the end of a JPEG or PNG is missing; decoders silently fill the rest with grey."""
    if data.startswith(b"\x89PNG"):
        return _is_png_truncated(data)
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    position = 2
    # Skip the header segments: a thumbnail in them has its own end marker.
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\xda":
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data.find(b"\xff\xd9", position) < 0


def check_codestream(path: Path, data: bytes) -> None:
    """Checks the size within a JPEG 2000 file, which may differ from that of its header.

    Args:
        path: Image file, for messages.
        data: Content of the file.

    Raises:
        MediaError: It has more pixels than ``core.image_header.max_image_pixels()``.
    """
    start = data.find(b"\xff\x4f\xff\x51", 0, 1 << 20)
    if start >= 0 and data.startswith((b"\xff\x4f", b"\0\0\0\x0cjP")):
        width, height = struct.unpack(">II", data[start + 8 : start + 16].ljust(8, b"\xff"))
        check_size(path, width, height)


def _is_png_truncated(data: bytes) -> bool:
    # The decoder allocates a chunk as large as it claims to be before it reads it.
    position = 8
    while position + 12 <= len(data):
        if data[position + 4 : position + 8] == b"IEND":
            return False
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return True
