"""Read masks: index images (grey or palette) and colour images."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from classifier.data.dataset import IGNORE_INDEX, MaskCode
from classifier.data.images import BROKEN, UnreadableImage, open_limited, reason

_PLAIN = MaskCode(tuple((value, value) for value in range(IGNORE_INDEX)))


def open_mask(path: Path) -> NDArray[np.uint8]:
    """Read the raw values of a mask, upright (EXIF).

    Returns:
        ``(H, W) uint8`` values, or ``(H, W, 3) uint8`` colours.

    Raises:
        UnreadableImage: Not an image, or values above 8 bits.
    """
    try:
        with open_limited(path) as stored:
            image = ImageOps.exif_transpose(stored)
            if image.mode in ("L", "P", "1"):
                return np.asarray(image).astype(np.uint8)
            if image.mode.startswith("I"):
                values = np.asarray(image)
                if values.size and (values.min() < 0 or values.max() > 255):
                    raise ValueError(f"expected mask values from 0 to 255, found {values.max()}")
                return values.astype(np.uint8)
            return np.asarray(image.convert("RGB"))
    except BROKEN as error:
        raise UnreadableImage(f"mask {path.name}: {reason(error, path)}") from error


def read_mask(
    path: Path, code: MaskCode | None, ignore_index: int | None, image: tuple[int, int]
) -> NDArray[np.uint8]:
    """Read the class of each pixel.

    Args:
        path: Mask file.
        code: Encoding of the mask; None if its values are class indices.
        ignore_index: Additional mask value of unlabelled pixels, or None.
        image: Height and width of the image in pixels.

    Returns:
        ``(H, W) uint8``; ``IGNORE_INDEX`` where a pixel is unlabelled.

    Raises:
        UnreadableImage: Unreadable, of another size than the image, or with a value or colour
            that is not a class.
    """
    written = open_mask(path)
    if written.shape[:2] != image:
        (height, width), (mask_height, mask_width) = image, written.shape[:2]
        raise UnreadableImage(
            f"the image is {width}x{height}, its mask {path.name} is {mask_width}x{mask_height}"
        )
    code = code or _PLAIN
    if written.ndim == 3 and not code.colours and (written == written[..., :1]).all():
        written = written[..., 0]  # grey that was saved as RGB
    if written.ndim == 3:
        return _from_colours(written, code, path)
    table = code.table
    if ignore_index is not None:
        table = table.copy()
        table[ignore_index] = IGNORE_INDEX
    labels = table[written]
    if (labels < 0).any():
        value = int(written[labels < 0][0])
        raise UnreadableImage(f"value {value} in mask {path.name} is not a class")
    return labels.astype(np.uint8)


def _from_colours(colours: NDArray[np.uint8], code: MaskCode, path: Path) -> NDArray[np.uint8]:
    if not code.colours:
        raise UnreadableImage(
            f"mask {path.name} is in colour, but there is no classes.csv with its colours"
        )
    packed = _pack(colours)
    known = np.array([_pack(np.array(colour)) for colour, _ in code.colours])
    order = known.argsort()
    place = order[np.searchsorted(known, packed, sorter=order).clip(0, len(known) - 1)]
    wrong = known[place] != packed
    if wrong.any():
        colour = tuple(int(value) for value in colours[wrong][0])
        raise UnreadableImage(f"colour {colour} in mask {path.name} is not a class")
    return np.array([label for _, label in code.colours], np.uint8)[place]


def _pack(colours: NDArray[np.integer]) -> NDArray[np.int64]:
    """Colours ``(..., 3)`` -> 24-bit integers ``(...)``."""
    return colours.astype(np.int64) @ np.array([65536, 256, 1])


def scale_mask(labels: NDArray[np.uint8], side: tuple[int, int]) -> NDArray[np.uint8]:
    """Resize a mask ``(H, W)`` to ``side`` by nearest neighbour."""
    if labels.shape == side:
        return labels
    size = (side[1], side[0])
    return np.asarray(Image.fromarray(labels).resize(size, Image.Resampling.NEAREST))
