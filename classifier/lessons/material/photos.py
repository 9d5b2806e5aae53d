"""Real photos that come with scikit-image, as windows of two classes or more."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from skimage import data

from classifier.lessons.language import say
from faceswap.core.seeding import generator

PHOTOS = {
    "cat": data.chelsea,
    "coffee": data.coffee,
    "astronaut": data.astronaut,
    "rocket": data.rocket,
    "retina": data.retina,
    "galaxies": data.hubble_deep_field,
    "tissue": data.immunohistochemistry,
}
"""Functions that load the photos, ``(H, W, 3) uint8`` RGB, in the public domain or under CC0."""
_IN_FRENCH = {
    "cat": "chat",
    "coffee": "café",
    "astronaut": "astronaute",
    "rocket": "fusée",
    "retina": "rétine",
    "galaxies": "galaxies",
    "tissue": "tissu",
}
_TEST_FROM = 0.6
"""Fraction of the width from which windows are test windows: no pixel is in both."""
_SCALES = (0.4, 0.9)


@dataclass(frozen=True)
class Windows:
    """Windows of photos, and the photo of each.

    Attributes:
        names: Names of the photos, by label.
        images: ``(N, S, S, 3) uint8`` RGB windows.
        labels: ``(N,) int64`` labels, in turn.
    """

    names: tuple[str, ...]
    images: NDArray[np.uint8]
    labels: NDArray[np.int64]


def photo_windows(
    names: Sequence[str], count: int, side: int, seed: int, *, test: bool = False
) -> Windows:
    """Cut windows of random place, size and orientation from photos.

    Training windows are from the left of a photo, test windows from its right; both have the same
    sizes in pixels of the photo.

    Args:
        names: Names of ``PHOTOS``; the label of a window is the position of its photo here.
        count: Number of windows.
        side: Side of the windows in pixels.
        seed: Random seed.
        test: Whether to cut test windows.
    """
    random = generator(seed, "windows", "test" if test else "training")
    labels = np.arange(count) % len(names)
    photos = [np.asarray(PHOTOS[name](), np.uint8) for name in names]
    images = np.stack([_window(photos[label], side, random, test=test) for label in labels])
    return Windows(tuple(names), images, labels)


def _half(photo: NDArray[np.uint8], *, test: bool) -> NDArray[np.uint8]:
    border = round(_TEST_FROM * photo.shape[1])
    return photo[:, border:] if test else photo[:, :border]


def _window(
    photo: NDArray[np.uint8], side: int, random: np.random.Generator, *, test: bool
) -> NDArray[np.uint8]:
    shortest = min(min(_half(photo, test=part).shape[:2]) for part in (False, True))
    size = int(shortest * random.uniform(*_SCALES))
    half = _half(photo, test=test)
    y, x = (int(random.integers(length - size + 1)) for length in half.shape[:2])
    cut = half[y : y + size, x : x + size]
    how = cv2.INTER_AREA if size > side else cv2.INTER_CUBIC
    window = cv2.resize(cut, (side, side), interpolation=how)
    return np.ascontiguousarray(window[:, ::-1] if random.random() < 0.5 else window, np.uint8)


def class_name(name: str) -> str:
    """Name of a class in the language that is spoken: translated if it is that of a photo."""
    return say(name, _IN_FRENCH.get(name, name))
