"""Headers of image files: kind and size are known before anything is decoded."""

import os
import struct
import warnings
import zlib
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from faceswap.core.errors import ConfigError, MediaError
from faceswap.core.files import regular_file

LIMIT_VARIABLE = "FACESWAP_MAX_IMAGE_PIXELS"
"""Environment variable that raises or lowers the limit of ``max_image_pixels``."""

BROKEN_IMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    LookupError,
    EOFError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""Exceptions that Pillow raises for damaged files; of memory, where a length is absurd."""

_DEFAULT_LIMIT = 200_000_000  # the largest pictures of phones; 1.2 GB while they are decoded
_HINT = "Copy the file again, or save it as PNG or JPEG."
# ISO media and JPEG XL tell their kind in the first bytes; nothing here can decode these.
_UNSUPPORTED = {b"heic": "HEIC", b"heix": "HEIC", b"mif1": "HEIF", b"msf1": "HEIF"}

# Pillow warns from half of its limit on; here a size is either refused or not worth a word.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def max_image_pixels() -> int:
    """Number of pixels above which an image is refused: 200 million, or as the variable says.

    Raises:
        ConfigError: ``FACESWAP_MAX_IMAGE_PIXELS`` is not a positive whole number.
    """
    text = os.environ.get(LIMIT_VARIABLE, "").replace("_", "") or str(_DEFAULT_LIMIT)
    if not text.isdecimal() or not 0 < len(text) < 19 or int(text) == 0:
        raise ConfigError(
            f"Expected a positive number of pixels in {LIMIT_VARIABLE}, found {text!r}.",
            f"Set it to a whole number such as {2 * _DEFAULT_LIMIT}, or unset it.",
        )
    return int(text)


def use_pixel_limit() -> None:
    """Makes ``PIL.Image.open`` refuse what has more pixels than ``max_image_pixels()``.

    It raises ``PIL.Image.DecompressionBombError``, before formats that allocate the picture when
    they are opened do so.

    Raises:
        ConfigError: ``FACESWAP_MAX_IMAGE_PIXELS`` is invalid.
    """
    # Pillow refuses twice its limit, a global one.
    Image.MAX_IMAGE_PIXELS = max(1, max_image_pixels() // 2)


def open_image(path: Path, formats: tuple[str, ...] | None = None) -> Image.Image:
    """Opens an image with Pillow and reads its header; the pixels are decoded when used.

    Args:
        path: Image file.
        formats: Names of Pillow's formats to try; None for all.

    Raises:
        MediaError: The file is missing, empty, not a file, not an image, or has more pixels than
            ``max_image_pixels()``.
        ConfigError: ``FACESWAP_MAX_IMAGE_PIXELS`` is invalid.
    """
    use_pixel_limit()
    try:
        if regular_file(path).stat().st_size == 0:
            raise MediaError(f"The image {path} is empty.", _HINT)
        image = Image.open(path, formats=formats)
    except UnidentifiedImageError as error:
        raise _unidentified(path) from error
    except OSError as error:
        if error.strerror is None:
            raise MediaError(f"{path} cannot be read as an image: {error}.", _HINT) from error
        raise MediaError(
            f"The image {path} cannot be opened: {error.strerror}.", "Check the path."
        ) from error
    except Image.DecompressionBombError as error:
        raise _too_large(path, "more") from error
    except BROKEN_IMAGE as error:
        raise MediaError(f"The header of the image {path} is damaged: {error}.", _HINT) from error
    check_size(path, *image.size)
    return image


def _unidentified(path: Path) -> MediaError:
    with path.open("rb") as file:
        data = file.read(16)
    kind = _UNSUPPORTED.get(data[8:12]) if data[4:8] == b"ftyp" else None
    if data.startswith((b"\xff\x0a", b"\0\0\0\x0cJXL ")):
        kind = "JPEG XL"
    if kind is not None:
        return MediaError(f"{path} is a {kind} image, which cannot be read.", "Save it as JPEG.")
    return MediaError(f"{path} cannot be read as an image.", _HINT)


def check_size(path: Path, width: int, height: int) -> None:
    """Refuses an image with too many pixels.

    Raises:
        MediaError: ``width * height`` is more than ``max_image_pixels()``.
        ConfigError: ``FACESWAP_MAX_IMAGE_PIXELS`` is invalid.
    """
    if width * height > max_image_pixels():
        raise _too_large(path, f"{width} x {height} pixels, more")


def _too_large(path: Path, claim: str) -> MediaError:
    return MediaError(
        f"The image {path} claims {claim} than the limit of {max_image_pixels()} pixels.",
        f"Scale it down, or set the environment variable {LIMIT_VARIABLE} to a higher number if "
        "you trust the file.",
    )
