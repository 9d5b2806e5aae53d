"""Pictures of what a network saw and what it made of it; all ``(H, W, 3) uint8 RGB``."""

import colorsys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib import colormaps
from numpy.typing import NDArray
from PIL import Image

from classifier.data.dataset import IGNORE_INDEX
from faceswap.core.files import atomic_path

_GOLDEN = 0.618034  # steps of the golden ratio around the colour circle never come near each other
_GREY = 128


def palette(classes: int) -> NDArray[np.uint8]:
    """A colour for each class, ``(K, 3)``: told apart well for some ten, fairly for more."""
    table = np.asarray(colormaps["tab10"].colors)  # pyright: ignore[reportAttributeAccessIssue]
    rest = [
        colorsys.hsv_to_rgb((number * _GOLDEN) % 1, 0.55 + 0.4 * (number % 2), 0.95)
        for number in range(max(0, classes - len(table)))
    ]
    colours = np.concatenate([table, np.array(rest).reshape(-1, 3)])[:classes]
    return (255 * colours).round().astype(np.uint8)


def colour_labels(labels: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """``(H, W)`` classes in their colours; grey where there is none."""
    return _table(classes)[labels]


def _table(classes: int) -> NDArray[np.uint8]:
    """The colour of every value that a mask may have."""
    table = np.full((256, 3), _GREY, np.uint8)
    table[:classes] = palette(classes)
    table[IGNORE_INDEX] = _GREY
    return table


def overlay_labels(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: int, strength: float = 0.55
) -> NDArray[np.uint8]:
    """An image under the colours of its pixels' classes; bare where there is none."""
    share = np.where(labels == IGNORE_INDEX, 0.0, strength)[..., None]
    mixed = (1 - share) * image + share * colour_labels(labels, classes)
    return mixed.round().astype(np.uint8)


def overlay_heat(
    image: NDArray[np.uint8], heat: NDArray[np.floating], strength: float = 0.5
) -> NDArray[np.uint8]:
    """An image under a map of ``(h, w)`` values in [0, 1], blue to red; scaled to the image."""
    height, width = image.shape[:2]
    large = cv2.resize(heat.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    colours = 255 * colormaps["jet"](large.clip(0, 1))[..., :3]
    return ((1 - strength) * image + strength * colours).round().astype(np.uint8)


def as_picture(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """``(C, H, W)`` as it is stored, grey or RGB -> ``(H, W, 3)``."""
    if len(pixels) == 1:
        pixels = np.repeat(pixels, 3, axis=0)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def stretch(values: NDArray[np.floating], symmetric: bool = False) -> NDArray[np.uint8]:
    """Values of any range as 0 to 255: least to most, or with 0 in the middle."""
    if symmetric:
        most = float(np.abs(values).max()) or 1.0
        return (127.5 + 127.5 * values / most).round().astype(np.uint8)
    low, high = float(values.min()), float(values.max())
    return (255 * (values - low) / ((high - low) or 1.0)).round().astype(np.uint8)


def fit(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Scaled so that the longer side has about that many pixels.

    Small images grow by a whole number without smoothing: their pixels are what the network sees.
    """
    longest = max(image.shape[:2])
    if longest <= side // 2:
        times = side // longest
        return np.repeat(np.repeat(image, times, axis=0), times, axis=1)
    if longest <= side:
        return image
    height, width = (max(1, round(length * side / longest)) for length in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def tile(
    images: Sequence[NDArray[np.uint8]], columns: int, gap: int = 2, background: int = 255
) -> NDArray[np.uint8]:
    """Pictures of one size in rows, ``gap`` pixels apart."""
    height, width = images[0].shape[:2]
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    size = (rows * (height + gap) + gap, columns * (width + gap) + gap, 3)
    sheet = np.full(size, background, np.uint8)
    for number, image in enumerate(images):
        top, left = gap + number // columns * (height + gap), gap + number % columns * (width + gap)
        sheet[top : top + height, left : left + width] = image
    return sheet


def write_picture(path: Path, image: NDArray[np.uint8]) -> None:
    """Writes a PNG, complete or not at all."""
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG")


def write_labels(path: Path, labels: NDArray[np.uint8], classes: int) -> None:
    """Writes ``(H, W)`` classes as a PNG whose pixels are the classes, shown in their colours."""
    image = Image.fromarray(labels)
    # All 256 colours: with fewer the writer takes fewer bits, and values above are cut.
    image.putpalette(_table(classes).tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, "PNG")
