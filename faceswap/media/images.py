"""Still images: reading anything photographs come in, writing what others can read."""

import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as PillowImage
from PIL import ImageCms

from faceswap.core.errors import MediaError
from faceswap.core.files import atomic_path
from faceswap.media.frame import Frame, Image

READABLE = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm"}
)
WRITABLE = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"})


def read_image(path: Path) -> Image:
    """Reads an image upright, as its EXIF orientation says, and in sRGB.

    16-bit, CMYK, grey and palette images are converted, transparency is dropped, and an embedded
    colour profile (Display P3 of a phone, Adobe RGB of a camera) is applied.

    Returns:
        ``(H, W, 3) uint8`` RGB.

    Raises:
        MediaError: No such file, not an image, or cut short.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(
            f"The image {path} cannot be opened: {error.strerror}.", "Check the path."
        ) from error
    hint = "It is damaged or of an unknown format: copy it again, or save it as PNG or JPEG."
    if not data or _is_cut_short(data):
        raise MediaError(f"The image {path} is empty or cut short.", hint)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error as error:
        raise MediaError(f"{path} cannot be read as an image.", hint) from error
    if image is None:
        raise MediaError(f"{path} cannot be read as an image.", hint)
    rgb = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
    return _to_srgb(np.asarray(rgb, np.uint8), data)


def _is_cut_short(data: bytes) -> bool:
    """Whether the end of a JPEG or PNG is missing, which decoders fill with grey silently."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data
    if not data.startswith(b"\xff\xd8\xff"):
        return False
    position = 2
    # Step over the header segments: a thumbnail in them has an end marker of its own.
    while data[position : position + 1] == b"\xff" and data[position + 1 : position + 2] != b"\xda":
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return data.find(b"\xff\xd9", position) < 0


def _to_srgb(image: Image, data: bytes) -> Image:
    """Applies the embedded RGB colour profile of a file, if it has one that is not sRGB."""
    try:
        # Pillow reads the header only; the pixels come from OpenCV, which knows 16-bit files.
        embedded = PillowImage.open(io.BytesIO(data)).info.get("icc_profile")
        # Bytes 16 to 19 of a profile name its colour space; a CMYK one does not fit RGB pixels.
        if not embedded or embedded[16:20] != b"RGB ":
            return image
        profile = ImageCms.ImageCmsProfile(io.BytesIO(embedded))
        if "sRGB" in ImageCms.getProfileDescription(profile):
            return image
        converted = ImageCms.profileToProfile(
            PillowImage.fromarray(image), profile, ImageCms.createProfile("sRGB")
        )
    except (OSError, ImageCms.PyCMSError, PillowImage.DecompressionBombError):
        # Pillow does not know the format, or the profile is broken: viewers show it as sRGB then.
        return image
    return np.array(converted, np.uint8)


def encode_image(image: Image, suffix: str, quality: int = 95, xmp: bytes = b"") -> bytes:
    """Encodes an image in memory.

    Args:
        image: ``(H, W, 3) uint8`` RGB or ``(H, W) uint8`` grey.
        suffix: File name ending that names the format, one of ``WRITABLE``.
        quality: 1 to 100 for JPEG and WebP; the others are lossless.
        xmp: An XMP packet to put inside; BMP has no room for one.

    Raises:
        MediaError: A format that cannot be written.
    """
    suffix = suffix.lower()
    if suffix not in WRITABLE:
        raise MediaError(
            f"Images cannot be written as {suffix!r}.", f"Use one of {', '.join(sorted(WRITABLE))}."
        )
    if xmp and suffix in _PILLOW_WITH_XMP:
        return _encode_by_pillow(image, suffix, quality, xmp)
    options = {
        # Chroma at full resolution: lips and eyes are small and red or blue.
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
    # OpenCV cannot write XMP, and these two need more than a block put between two others.
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
    """Puts an XMP packet into an encoded JPEG or PNG; a BMP stays as it is."""
    if suffix in (".jpg", ".jpeg"):
        payload = _XMP_IN_JPEG + xmp
        block = b"\xff\xe1" + (len(payload) + 2).to_bytes(2, "big") + payload
        # Behind the JFIF header, which has to come first.
        place = 4 + int.from_bytes(data[4:6], "big") if data[2:4] == b"\xff\xe0" else 2
    elif suffix == ".png":
        body = b"iTXt" + _XMP_IN_PNG + xmp
        length, check = len(body) - 4, zlib.crc32(body)
        block = length.to_bytes(4, "big") + body + check.to_bytes(4, "big")
        place = 8 + 25  # behind signature and header
    else:
        return data
    return data[:place] + block + data[place:]


def write_image(
    path: Path,
    image: Image,
    quality: int = 95,
    *,
    xmp: bytes = b"",
    seal: Callable[[Path, Path], None] | None = None,
) -> None:
    """Writes an image, wholly or not at all.

    Args:
        path: Where to; its ending (see ``WRITABLE``) chooses the format.
        image: ``(H, W, 3) uint8`` RGB or ``(H, W) uint8`` grey.
        quality: 1 to 100 for JPEG and WebP; the others are lossless.
        xmp: An XMP packet to put inside; BMP has no room for one.
        seal: Called with the complete temporary file and ``path`` before it takes that name.

    Raises:
        MediaError: A format that cannot be written.
        StorageFullError: The disk is full.
    """
    data = encode_image(image, path.suffix, quality, xmp)
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
        if seal is not None:
            seal(temporary, path)


class ImageReader:
    """Iterates photographs as frames; unreadable ones are passed over and listed.

    The index of a frame is the place of its file in ``files``, whether others can be read or not.

    Args:
        files: The image files.
        start: Index of the first file to read.
    """

    def __init__(self, files: Sequence[Path], start: int = 0) -> None:
        self.total = len(files)
        self.skipped: dict[Path, str] = {}
        self._files = tuple(files)
        self._start = start

    @property
    def damage(self) -> str | None:
        """What could not be read, or None."""
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

    A format that can be read but not written (AVIF, say) becomes PNG.

    Args:
        directory: The folder; made when it is absent.
        quality: 1 to 100 for JPEG and WebP.
        xmp: An XMP packet for each image.
    """

    def __init__(self, directory: Path, quality: int = 95, xmp: bytes = b"") -> None:
        self.directory = directory
        self._quality = quality
        self._xmp = xmp

    def write(
        self, name: str, image: Image, seal: Callable[[Path, Path], None] | None = None
    ) -> Path:
        """Writes one image and says where.

        Args:
            name: Of the original.
            image: ``(H, W, 3) uint8`` RGB.
            seal: Called with the complete temporary file and the final path, before it is renamed.

        Raises:
            StorageFullError: The disk is full.
        """
        path = self.directory / name
        if path.suffix.lower() not in WRITABLE:
            path = path.with_suffix(".png")
        write_image(path, image, self._quality, xmp=self._xmp, seal=seal)
        return path
