"""Still images: reads all common formats as 8-bit RGB, writes widely supported ones."""

import io
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer, signed_path
from faceswap.core.image_header import (
    BROKEN_IMAGE,
    check_size,
    open_image,
    use_pixel_limit,
)
from faceswap.media.frame import Image
from faceswap.media.image_bytes import (
    channel_bits,
    check_codestream,
    is_truncated,
    orientation_of,
)
from faceswap.media.image_tags import XMP_TAG, with_xmp
from faceswap.media.picture import Stored

READABLE = frozenset(
    {".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".bmp", ".dib", ".tif", ".tiff", ".avif"}
    | {".jp2", ".j2k", ".jpx", ".ppm", ".pgm", ".pbm", ".pnm"}
)
WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})
WITH_ALPHA = frozenset({".png", ".webp", ".tif", ".tiff"})
DEEP = frozenset({".png", ".tif", ".tiff"})
"""Suffixes of formats with 16 bits per channel."""

# Pillow's names of what OpenCV decodes.
READ_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "DIB", "TIFF", "AVIF", "JPEG2000", "PPM", "GIF")
_HINT = "Copy the file again, or save it as PNG or JPEG."
_SMALL_FILE = 64 << 20  # bytes
DEEP_FORMATS = ("PNG", "TIFF")  # formats whose 16 bits OpenCV would cut off after the eighth


def read_image(path: Path) -> Image:
    """Reads an image as 8-bit sRGB, upright according to its orientation.

    16-bit, CMYK, grey and palette images are converted to 8-bit RGB, transparency is dropped, and
    an embedded colour profile (Display P3 of a phone, Adobe RGB of a camera) is applied.

    Returns:
        ``(H, W, 3) uint8`` RGB in [0, 255].

    Raises:
        MediaError: The file does not exist, is not an image, is truncated, or has more pixels than
            ``core.image_header.max_image_pixels()``.
    """
    return read_photo(path)[0]


def read_photo(path: Path) -> tuple[Image, int]:
    """Reads an image as ``read_image`` does, and the number of bits per channel that it had."""
    with open_image(path, READ_FORMATS) as header:
        data = read_file(path, header)
        return decode(path, header, data), channel_bits(header, data)


def read_image_bytes(data: bytes, where: Path) -> Image:
    """Reads an image in memory as ``read_image`` reads a file.

    Args:
        data: Content of the file.
        where: Origin of the content for messages.

    Raises:
        MediaError: It is not an image, is truncated, or has too many pixels.
    """
    use_pixel_limit()
    try:
        header = PillowImage.open(io.BytesIO(data), formats=READ_FORMATS)
    except BROKEN_IMAGE as error:
        raise MediaError(f"{where} cannot be read as an image.", _HINT) from error
    check_size(where, *header.size)
    if is_truncated(data):
        raise MediaError(f"The image {where} is truncated.", _HINT)
    return decode(where, header, data)


def read_file(path: Path, header: PillowImage.Image) -> bytes:
    """Reads an image file whose header was found plausible.

    Raises:
        MediaError: The file cannot be read, is truncated, or is larger than an image can be.
    """
    width, height = header.size
    try:
        # A file of many pages would not fit into memory, though its first page does.
        if path.stat().st_size > max(_SMALL_FILE, 16 * width * height):
            raise MediaError(
                f"The file {path} is much larger than one image of {width} x {height} pixels.",
                "Save the picture alone, as PNG or JPEG.",
            )
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(
            f"The image {path} cannot be read: {error.strerror}.", "Check the disk."
        ) from error
    if is_truncated(data):
        raise MediaError(f"The image {path} is truncated.", _HINT)
    return data


def decode(path: Path, header: PillowImage.Image, data: bytes) -> Image:
    """Decodes a file as ``read_image`` does.

    Args:
        path: Image file, for messages.
        header: The file opened with Pillow.
        data: Content of the file.

    Raises:
        MediaError: The pixels cannot be decoded.
    """
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        check_codestream(path, data)
        image = _in_8_bits(header, data, flags)
    except cv2.error as error:
        raise MediaError(f"{path} cannot be read as an image.", _HINT) from error
    if image is None:
        raise MediaError(f"{path} cannot be read as an image.", _HINT)
    rgb = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    return _to_srgb(orientation_of(header, data).apply(rgb), header)


def _in_8_bits(header: PillowImage.Image, data: bytes, flags: int) -> NDArray[Any] | None:
    pixels = np.frombuffer(data, np.uint8)
    if header.format in DEEP_FORMATS:
        image = cv2.imdecode(pixels, flags | cv2.IMREAD_ANYDEPTH)
        if image is not None and image.dtype == np.uint16:
            return ((image.astype(np.uint32) + 128) // 257).astype(np.uint8)
        if image is None or image.dtype == np.uint8:
            return image
    return cv2.imdecode(pixels, flags)


def _to_srgb(image: Image, header: PillowImage.Image) -> Image:
    """Applies the embedded RGB colour profile of a file unless it is sRGB."""
    try:
        profile = rgb_profile(header)
        if profile is None:
            return image
        converted = ImageCms.profileToProfile(
            PillowImage.fromarray(image), profile, ImageCms.createProfile("sRGB")
        )
    except (OSError, ImageCms.PyCMSError):
        # The profile is broken: viewers show such files as sRGB.
        return image
    return np.array(converted, np.uint8)


def rgb_profile(header: PillowImage.Image) -> ImageCms.ImageCmsProfile | None:
    """The embedded colour profile, if it describes RGB other than sRGB.

    Raises:
        OSError, ImageCms.PyCMSError: The profile is broken.
    """
    embedded = header.info.get("icc_profile")
    # Bytes 16 to 19 of a profile name its colour space; CMYK profiles do not apply to RGB.
    if not embedded or embedded[16:20] != b"RGB ":
        return None
    profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
    return None if "sRGB" in ImageCms.getProfileDescription(profile) else profile


def encode_image(
    image: Stored,
    suffix: str,
    quality: int = 95,
    xmp: bytes = b"",
    *,
    lossless: bool = False,
) -> bytes:
    """Encodes an image in memory.

    Args:
        image: Image, ``(H, W, 3) uint8`` RGB, ``(H, W, 4)`` RGBA for one of ``WITH_ALPHA``, or
            ``(H, W) uint8`` grey; ``uint16`` for one of ``DEEP``.
        suffix: File suffix of the format, one of ``WRITABLE``.
        quality: Quality from 1 to 100 for JPEG and WebP; the others are lossless.
        xmp: XMP packet to embed; BMP cannot contain one.
        lossless: Whether WebP is lossless; ``quality`` has no effect then.

    Raises:
        MediaError: The format cannot be written.
    """
    suffix = suffix.lower()
    deep = image.dtype == np.uint16
    writable = DEEP if deep else WRITABLE
    if suffix not in writable:
        raise MediaError(
            f"Images{' of 16 bits' if deep else ''} cannot be written as {suffix!r}.",
            f"Use one of {', '.join(sorted(writable))}.",
        )
    if not deep and ((xmp and suffix in _PILLOW_WITH_XMP) or (lossless and suffix == ".webp")):
        return _encode_by_pillow(image, suffix, quality, xmp, lossless=lossless)
    options = {
        # 4:4:4 chroma: lips and eyes are small and coloured.
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality, *_FULL_CHROMA],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality, *_FULL_CHROMA],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    }
    channels = image.shape[2] if image.ndim == 3 else 1
    if channels == 1:
        # Of masks, which are flat, filters make larger files at five times the cost.
        options[".png"] += [cv2.IMWRITE_PNG_FILTER, cv2.IMWRITE_PNG_FILTER_NONE]
    bgr = cv2.cvtColor(image, _TO_OPENCV[channels]) if channels > 1 else image
    done, data = cv2.imencode(suffix, bgr, options.get(suffix, []))
    if not done:
        height, width = image.shape[:2]
        raise MediaError(
            f"An image of {width} x {height} pixels cannot be written as {suffix!r}.",
            "Use .png instead.",
        )
    return with_xmp(data.tobytes(), suffix, xmp) if xmp or deep else data.tobytes()


_TO_OPENCV = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
_FULL_CHROMA = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_PILLOW_WITH_XMP = frozenset({".webp", ".tif", ".tiff"})


def _encode_by_pillow(
    image: NDArray[Any], suffix: str, quality: int, xmp: bytes, *, lossless: bool
) -> bytes:
    # OpenCV cannot write XMP, and in these formats it is not a block that could be inserted. Its
    # lossless WebP takes ten times as long.
    buffer, picture = io.BytesIO(), PillowImage.fromarray(image)
    try:
        if suffix == ".webp" and lossless:
            picture.save(buffer, "WEBP", lossless=True, quality=20, method=0, xmp=xmp)
        elif suffix == ".webp":
            picture.save(buffer, "WEBP", quality=quality, xmp=xmp)
        else:
            picture.save(buffer, "TIFF", compression="tiff_lzw", tiffinfo={XMP_TAG: xmp})
    except (OSError, ValueError) as error:
        height, width = image.shape[:2]
        raise MediaError(
            f"An image of {width} x {height} pixels cannot be written as {suffix!r}.",
            "Use .png instead.",
        ) from error
    return buffer.getvalue()


def write_image(
    path: Path,
    image: Stored,
    quality: int = 95,
    *,
    alpha: NDArray[np.uint8] | None = None,
    xmp: bytes = b"",
    sign: Signer | None = None,
) -> None:
    """Writes an image atomically.

    Args:
        path: Destination; its suffix (see ``WRITABLE``) determines the format.
        image: Image, as for ``encode_image``.
        quality: Quality from 1 to 100 for JPEG and WebP; the others are lossless.
        alpha: Opacity of an RGB image, ``(H, W)``, for the formats of ``WITH_ALPHA``; None if it is
            opaque.
        xmp: XMP packet to embed; BMP cannot contain one.
        sign: Callback that signs the complete temporary file before it is renamed.

    Raises:
        MediaError: The format cannot be written.
        StorageFullError: The disk is full.
    """
    pixels: Any = image if alpha is None else np.dstack([image, alpha])
    data = encode_image(pixels, path.suffix, quality, xmp)
    with signed_path(path, sign) as file:
        file.write(data)
