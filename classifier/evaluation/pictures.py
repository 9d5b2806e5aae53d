"""Rendering of images, masks and heat maps; all pictures are ``(H, W, 3) uint8`` RGB."""

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

_GOLDEN = 0.618034  # hues in steps of the golden ratio are far apart for any number of classes
_GREY = 128


def palette(classes: int) -> NDArray[np.uint8]:
    """Colours of the classes, ``(K, 3) uint8`` RGB; easy to distinguish for up to ten classes."""
    table = np.asarray(colormaps["tab10"].colors)  # pyright: ignore[reportAttributeAccessIssue]
    rest = [
        colorsys.hsv_to_rgb((number * _GOLDEN) % 1, 0.55 + 0.4 * (number % 2), 0.95)
        for number in range(max(0, classes - len(table)))
    ]
    colours = np.concatenate([table, np.array(rest).reshape(-1, 3)])[:classes]
    return (255 * colours).round().astype(np.uint8)


def colour_labels(labels: NDArray[np.uint8], classes: int) -> NDArray[np.uint8]:
    """Colour an ``(H, W)`` mask by class; unlabelled pixels are grey."""
    return _table(classes)[labels]


def _table(classes: int) -> NDArray[np.uint8]:
    """``(256, 3)`` colour of each mask value."""
    table = np.full((256, 3), _GREY, np.uint8)
    table[:classes] = palette(classes)
    table[IGNORE_INDEX] = _GREY
    return table


def overlay_labels(
    image: NDArray[np.uint8], labels: NDArray[np.uint8], classes: int, strength: float = 0.55
) -> NDArray[np.uint8]:
    """Overlay an image with a coloured mask; unlabelled pixels keep the image's colour.

    Args:
        image: ``(H, W, 3) uint8`` RGB image.
        labels: ``(H, W)`` mask.
        classes: Number of classes.
        strength: Opacity of the mask, in [0, 1].
    """
    opacity = np.where(labels == IGNORE_INDEX, 0.0, strength)[..., None]
    mixed = (1 - opacity) * image + opacity * colour_labels(labels, classes)
    return mixed.round().astype(np.uint8)


def overlay_heat(
    image: NDArray[np.uint8], heat: NDArray[np.floating], strength: float = 0.5
) -> NDArray[np.uint8]:
    """Overlay an image with a heat map from blue (0) to red (1).

    Args:
        image: ``(H, W, 3) uint8`` RGB image.
        heat: ``(h, w)`` heat map in [0, 1], resized to the image.
        strength: Opacity of the heat map, in [0, 1].
    """
    height, width = image.shape[:2]
    large = cv2.resize(heat.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    colours = 255 * colormaps["jet"](large.clip(0, 1))[..., :3]
    return ((1 - strength) * image + strength * colours).round().astype(np.uint8)


def as_picture(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert a ``(C, H, W)`` grey or RGB image to ``(H, W, 3)`` RGB."""
    if len(pixels) == 1:
        pixels = np.repeat(pixels, 3, axis=0)
    return np.ascontiguousarray(pixels.transpose(1, 2, 0))


def stretch(values: NDArray[np.floating], symmetric: bool = False) -> NDArray[np.uint8]:
    """Scale values to 0 to 255, from minimum to maximum or, if symmetric, with 0 at the centre."""
    if symmetric:
        most = float(np.abs(values).max()) or 1.0
        return (127.5 + 127.5 * values / most).round().astype(np.uint8)
    low, high = float(values.min()), float(values.max())
    return (255 * (values - low) / ((high - low) or 1.0)).round().astype(np.uint8)


def fit(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """Resize an image so that its longer side has about ``side`` pixels.

    Small images are enlarged by an integer factor without smoothing, so that the pixels of the
    network's input stay visible.
    """
    longest = max(image.shape[:2])
    if longest <= side // 2:
        factor = side // longest
        return np.repeat(np.repeat(image, factor, axis=0), factor, axis=1)
    if longest <= side:
        return image
    height, width = (max(1, round(length * side / longest)) for length in image.shape[:2])
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8)


def tile(
    images: Sequence[NDArray[np.uint8]], columns: int, gap: int = 2, background: int = 255
) -> NDArray[np.uint8]:
    """Arrange pictures of equal size in rows, ``gap`` pixels apart."""
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
    """Write a picture as PNG, atomically."""
    with atomic_path(path) as temporary:
        Image.fromarray(image).save(temporary, "PNG")


def write_labels(path: Path, labels: NDArray[np.uint8], classes: int) -> None:
    """Write an ``(H, W)`` mask as palette PNG: pixel values are classes, shown in their colours."""
    image = Image.fromarray(labels)
    # A full palette of 256: with fewer colours the encoder uses fewer bits and truncates values.
    image.putpalette(_table(classes).tobytes())
    with atomic_path(path) as temporary:
        image.save(temporary, "PNG")
