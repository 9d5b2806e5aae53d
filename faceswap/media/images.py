"""Still images: reads all common formats as 8-bit RGB, writes widely supported ones."""

import io
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer, signed_path
from faceswap.media.frame import Frame, Image

READABLE = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm"}
)
WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def read_image(path: Path) -> Image:
    """Reads an image as 8-bit sRGB, upright according to its EXIF orientation.

    16-bit, CMYK, grey and palette images are converted to 8-bit RGB, transparency is dropped, and
    an embedded colour profile (Display P3 of a phone, Adobe RGB of a camera) is applied.

    Returns:
        ``(H, W, 3) uint8`` RGB in [0, 255].

    Raises:
        MediaError: The file does not exist, is not an image, or is truncated.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(
            f"The image {path} cannot be opened: {error.strerror}.", "Check the path."
        ) from error
    hint = "The file is damaged or of an unknown format: copy it again, or save it as PNG or JPEG."
    if not data or _is_cut_short(data):
        raise MediaError(f"The image {path} is empty or truncated.", hint)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise MediaError(f"{path} cannot be read as an image.", hint) from error
    if image is None:
        raise MediaError(f"{path} cannot be read as an image.", hint)
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _to_srgb(np.asarray(rgb, np.uint8), data)


def _is_cut_short(data: bytes) -> bool:
    """Whether the end of a JPEG or PNG is missing; decoders silently fill the rest with grey."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    position = 2
    # Skip the header segments: a thumbnail in them has its own end marker.
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\xda":
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data.find(b"\xff\xd9", position) < 0


def _to_srgb(image: Image, data: bytes) -> Image:
    """Applies the embedded RGB colour profile of a file unless it is sRGB."""
    try:
        # Pillow reads the header only; the pixels come from OpenCV, which supports 16-bit files.
        embedded = PillowImage.open(io.BytesIO(data)).info.get("icc_profile")
        # Bytes 16 to 19 of a profile name its colour space; CMYK profiles do not apply to RGB.
        if not embedded or embedded[16:20] != b"RGB ":
            return image
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        converted = ImageCms.profileToProfile(
            PillowImage.fromarray(image), profile, ImageCms.createProfile("sRGB")
        )
    except (OSError, ImageCms.PyCMSError, PillowImage.DecompressionBombError):
        # Unknown to Pillow, or the profile is broken: viewers show such files as sRGB.
        return image
    return np.array(converted, np.uint8)


def encode_image(image: Image, suffix: str, quality: int = 95, xmp: bytes = b"") -> bytes:
    """Encodes an image in memory.

    Args:
        image: Image, ``(H, W, 3) uint8`` RGB or ``(H, W) uint8`` grey.
        suffix: File suffix of the format, one of ``WRITABLE``.
        quality: Quality from 1 to 100 for JPEG and WebP; the others are lossless.
        xmp: XMP packet to embed; BMP cannot contain one.

    Raises:
        MediaError: The format cannot be written.
    """
    suffix = suffix.lower()
    if suffix not in WRITABLE:
        raise MediaError(
            f"Images cannot be written as {suffix!r}.", f"Use one of {', '.join(sorted(WRITABLE))}."
        )
    if xmp and suffix in _PILLOW_WITH_XMP:
        return _encode_by_pillow(image, suffix, quality, xmp)
    options = {
        # 4:4:4 chroma: lips and eyes are small and coloured.
        ".jpg": [cv2.IMWRITE_JPEG_QUALITY, quality, *_FULL_CHROMA],
        ".jpeg": [cv2.IMWRITE_JPEG_QUALITY, quality, *_FULL_CHROMA],
        ".webp": [cv2.IMWRITE_WEBP_QUALITY, quality],
        ".png": [cv2.IMWRITE_PNG_COMPRESSION, 3],
    }
    bgr = cv2.cvtColor(image, cv2.COLOR_RGB2BGR) if image.ndim == 3 else image
    done, data = cv2.imencode(suffix, bgr, options.get(suffix, []))
    if not done:
        height, width = image.shape[:2]
        raise MediaError(
            f"An image of {width} x {height} pixels cannot be written as {suffix!r}.",
            "Use .png instead.",
        )
    return _with_xmp(data.tobytes(), suffix, xmp) if xmp else data.tobytes()


_FULL_CHROMA = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
_PILLOW_WITH_XMP = frozenset({".webp", ".tif", ".tiff"})
_XMP_TAG = 700  # of TIFF
_XMP_IN_JPEG = b"http://ns.adobe.com/xap/1.0/\0"
_XMP_IN_PNG = b"XML:com.adobe.xmp\0\0\0\0\0"  # keyword, not compressed, no language, no translation


def _encode_by_pillow(image: Image, suffix: str, quality: int, xmp: bytes) -> bytes:
    # OpenCV cannot write XMP, and in these formats it is not a block that could be inserted.
    buffer, picture = io.BytesIO(), PillowImage.fromarray(image)
    try:
        if suffix == ".webp":
            picture.save(buffer, "WEBP", quality=quality, xmp=xmp)
        else:
            picture.save(buffer, "TIFF", compression="tiff_lzw", tiffinfo={_XMP_TAG: xmp})
    except (OSError, ValueError) as error:
        height, width = image.shape[:2]
        raise MediaError(
            f"An image of {width} x {height} pixels cannot be written as {suffix!r}.",
            "Use .png instead.",
        ) from error
    return buffer.getvalue()


def _with_xmp(data: bytes, suffix: str, xmp: bytes) -> bytes:
    """Inserts an XMP packet into an encoded JPEG or PNG; BMP is returned unchanged."""
    if suffix in (".jpg", ".jpeg"):
        payload = _XMP_IN_JPEG + xmp
        block = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
        # After the JFIF header, which has to come first.
        place = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    elif suffix == ".png":
        body = b"iTXt" + _XMP_IN_PNG + xmp
        length, check = len(body) - 4, zlib.crc32(body)
        block = length.to_bytes(4, "big") + body + check.to_bytes(4, "big")
        place = 8 + 25  # after signature and header
    else:
        return data
    return data[:place] + block + data[place:]


def write_image(
    path: Path,
    image: Image,
    quality: int = 95,
    *,
    xmp: bytes = b"",
    sign: Signer | None = None,
) -> None:
    """Writes an image atomically.

    Args:
        path: Destination; its suffix (see ``WRITABLE``) determines the format.
        image: Image, ``(H, W, 3) uint8`` RGB or ``(H, W) uint8`` grey.
        quality: Quality from 1 to 100 for JPEG and WebP; the others are lossless.
        xmp: XMP packet to embed; BMP cannot contain one.
        sign: Callback that signs the complete temporary file before it is renamed.

    Raises:
        MediaError: The format cannot be written.
        StorageFullError: The disk is full.
    """
    data = encode_image(image, path.suffix, quality, xmp)
    with signed_path(path, sign) as file:
        file.write(data)


class ImageReader:
    """Iterates over photographs as frames; unreadable ones are skipped and listed.

    The index of a frame is the position of its file in ``files``.

    Args:
        files: Image files.
        start: Index of the first file to read.

    Attributes:
        total: Number of files.
        skipped: Unreadable files of the last iteration, with the reason.
    """

    def __init__(self, files: Sequence[Path], start: int = 0) -> None:
        self.total = len(files)
        self.skipped: dict[Path, str] = {}
        self._files = tuple(files)
        self._start = start

    @property
    def damage(self) -> str | None:
        """Description of the unreadable files, or None."""
        if not self.skipped:
            return None
        names = ", ".join(path.name for path in list(self.skipped)[:5])
        more = ", ..." if len(self.skipped) > 5 else ""
        return f"{len(self.skipped)} of {self.total} images cannot be read: {names}{more}"

    def __iter__(self) -> Iterator[Frame]:
        self.skipped = {}
        for index in range(self._start, self.total):
            path = self._files[index]
            try:
                image = read_image(path)
            except MediaError as error:
                self.skipped[path] = error.message
                continue
            yield Frame(index, index, float(index), image, path.name)


class ImageWriter:
    """Writes converted photographs into a folder under the names of the originals.

    A format that can be read but not written (for example AVIF) becomes PNG.

    Args:
        directory: Folder; created if absent.
        quality: Quality from 1 to 100 for JPEG and WebP.
        xmp: XMP packet to embed into each image.
    """

    def __init__(self, directory: Path, quality: int = 95, xmp: bytes = b"") -> None:
        self.directory = directory
        self._quality = quality
        self._xmp = xmp

    def write(self, name: str, image: Image, sign: Signer | None = None) -> Path:
        """Writes one image and returns its path.

        Args:
            name: File name of the original.
            image: Image, ``(H, W, 3) uint8`` RGB.
            sign: Callback that signs the complete temporary file before it is renamed.

        Raises:
            StorageFullError: The disk is full.
        """
        path = self.directory / name
        if path.suffix.lower() not in WRITABLE:
            path = path.with_suffix(".png")
        write_image(path, image, self._quality, xmp=self._xmp, sign=sign)
        return path
