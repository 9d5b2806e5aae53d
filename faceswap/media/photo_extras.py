"""What photographs contain besides 8-bit RGB: transparency, more bits, metadata, more pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms, ImageOps

from faceswap.core.errors import MediaError
from faceswap.core.image_header import BROKEN_IMAGE, open_image
from faceswap.media.image_bytes import channel_bits
from faceswap.media.images import rgb_profile

_ANIMATED = frozenset({"PNG", "WEBP", "GIF", "AVIF"})
_HEADER = 1 << 20  # bytes in which the boxes of AVIF and JPEG 2000 are searched


@dataclass(frozen=True, eq=False)
class PhotoExtras:
    """What a photograph contains besides 8-bit sRGB pixels.

    Attributes:
        alpha: Opacity, ``(H, W) uint8``, upright, 255 = opaque; None if all is opaque.
        losses: Losses of a converted photograph, in one line each; neither transparency nor bits
            are listed.
        bits: Bits per channel.
    """

    alpha: NDArray[np.uint8] | None
    losses: tuple[str, ...]
    bits: int = 8


def read_extras(path: Path) -> PhotoExtras:
    """Reads the extras of a photograph that ``read_image`` can read."""
    try:
        with open_image(path) as header:
            losses = tuple(_losses(header))
            with path.open("rb") as file:
                bits = channel_bits(header, file.read(_HEADER))
            return PhotoExtras(_alpha(path, header), losses, bits)
    except (MediaError, *BROKEN_IMAGE):
        # The pixels were read before by another decoder; nothing more can be told of the file.
        return PhotoExtras(None, ())


def _losses(header: PillowImage.Image) -> Iterator[str]:
    # Before anything that makes Pillow decode the pixels.
    if getattr(header, "is_animated", False) and header.format in _ANIMATED:
        yield "only the first picture of the animation is converted"
    elif getattr(header, "n_frames", 1) > 1:
        yield "only the first picture of the file is converted"
    if _has_other_profile(header):
        yield "colours are converted to sRGB"
    if "exif" in header.info:
        yield "EXIF data (camera, date, place) is not kept"


def _has_other_profile(header: PillowImage.Image) -> bool:
    try:
        return rgb_profile(header) is not None
    except (OSError, ImageCms.PyCMSError):
        return False


def _alpha(path: Path, header: PillowImage.Image) -> NDArray[np.uint8] | None:
    if "A" not in header.getbands() and "transparency" not in header.info:
        return None
    if header.format == "TIFF":
        alpha = _alpha_of_tiff(path)
    else:
        upright = ImageOps.exif_transpose(header)
        alpha = np.array(upright.convert("RGBA").getchannel("A"), np.uint8)
    return None if (alpha == 255).all() else alpha


def _alpha_of_tiff(path: Path) -> NDArray[np.uint8]:
    # Whether Pillow turns a TIFF when it decodes it depends on its compression; OpenCV always does.
    pixels = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.ndim != 3 or pixels.shape[2] != 4:
        raise ValueError("no alpha channel")
    alpha = pixels[..., 3]
    return np.asarray(alpha // 257 if alpha.dtype == np.uint16 else alpha, np.uint8)
