"""Windows of photos in changing light: pictures of two classes or more, without files."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.data import LoadedImages, Sample
from classifier.lessons.material.own_data import OwnImages
from classifier.lessons.material.photos import photo_windows
from faceswap.core.seeding import generator

CAT_OR_COFFEE = ("cat", "coffee")
"""Photos that stand in for chihuahuas and muffins: both show brown, round things."""
_LIGHT = 0.2
"""Standard deviation of the logarithms of brightness, colour balance and contrast."""
_NOISE = 12.0
"""Standard deviation of the noise of a pixel, of 255."""


def stand_ins(names: Sequence[str], most: tuple[int, int], side: int, seed: int) -> OwnImages:
    """Cut windows from photos and change the light of each, as other cameras and lamps would.

    Args:
        names: Names of ``PHOTOS``: the classes.
        most: Number of training and of test windows.
        side: Side of the windows in pixels.
        seed: Seed of the windows and of their light.
    """
    train, test = (
        _split(names, count, side, seed, test=test)
        for count, test in zip(most, (False, True), strict=True)
    )
    return OwnImages(tuple(names), train, test)


def _split(names: Sequence[str], count: int, side: int, seed: int, *, test: bool) -> LoadedImages:
    windows = photo_windows(names, count, side, seed, test=test)
    images = relight(windows.images, generator(seed, "light", "test" if test else "training"))
    # (N, S, S, 3) -> (N, 3, S, S)
    images = np.ascontiguousarray(images.transpose(0, 3, 1, 2))
    samples = tuple(Sample(Path(str(names[label])), int(label)) for label in windows.labels)
    return LoadedImages(images, windows.labels, samples)


def relight(images: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Give each image another brightness, colour balance and contrast, and noise.

    Args:
        images: ``(N, S, S, 3) uint8`` RGB images.
        random: Random numbers.
    """
    count = len(images)
    gains = np.exp(
        random.normal(0, _LIGHT, (count, 1, 1, 1)) + random.normal(0, _LIGHT, (count, 1, 1, 3))
    )
    contrast = np.exp(random.normal(0, _LIGHT, (count, 1, 1, 1)))
    lit = 255 * (images / 255) ** contrast * gains + random.normal(0, _NOISE, images.shape)
    return np.clip(lit + 0.5, 0, 255).astype(np.uint8)
