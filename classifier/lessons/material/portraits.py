"""Face crops from two public-domain portraits that come with installed libraries."""

from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib import cbook
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from faceswap.core.seeding import generator

_EYES = np.array([[0.31, 0.36], [0.69, 0.36]])
"""Eye centres in a crop, in fractions of its side; the crop spans the brows to the chin."""


@dataclass(frozen=True)
class Portrait:
    """Portrait of one person.

    Attributes:
        name: Name of the person.
        image: ``(H, W, 3) uint8`` RGB image.
        eyes: ``(2, 2)`` eye centres in pixels, x before y; the left one in the image first.
    """

    name: str
    image: NDArray[np.uint8]
    eyes: NDArray[np.float64]


def collins() -> Portrait:
    """Load Eileen Collins: NASA, public domain, scikit-image's ``astronaut``."""
    eyes = np.array([[202.7, 101.0], [246.7, 103.4]])
    return Portrait("Eileen Collins", np.asarray(data.astronaut(), np.uint8), eyes)


def hopper() -> Portrait:
    """Load Grace Hopper: US Navy, public domain, matplotlib's ``grace_hopper.jpg``."""
    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as file:
        image = np.asarray(file.convert("RGB"), np.uint8)
    return Portrait("Grace Hopper", image, np.array([[218.9, 191.5], [308.2, 187.9]]))


def varied_crops(
    portrait: Portrait, count: int, size: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Sample face crops with random position, rotation, scale and light, each also warped.

    The warp is that of the first face-swap networks: a grid of 5 x 5 points over the crop, each
    moved by a small random offset. A decoder trained to undo it learns the face, not a copy.

    Args:
        portrait: Portrait to crop.
        count: Number of crops.
        size: Side of the crops in pixels.
        seed: Seed of all random changes.

    Returns:
        Warped crops and the same crops unwarped, each ``(count, size, size, 3) uint8`` RGB.
    """
    random = generator(seed, "crops", portrait.name)
    warped = np.empty((count, size, size, 3), np.uint8)
    crops = np.empty_like(warped)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    for index in range(count):
        crops[index] = _jitter_light(_random_crop(portrait, size, random), random)
        offsets = random.normal(0, 0.028 * size, (2, 5, 5)).astype(np.float32)
        flow = [cv2.resize(axis, (size, size), interpolation=cv2.INTER_CUBIC) for axis in offsets]
        warped[index] = cv2.remap(
            crops[index], x + flow[0], y + flow[1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
    return warped, crops


def _random_crop(portrait: Portrait, size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """Crop with up to 18 degrees of rotation, 8 % of scale and 3 % of shift."""
    (x0, y0), (x1, y1) = portrait.eyes
    wanted = _EYES * size
    angle = np.arctan2(y1 - y0, x1 - x0) + np.deg2rad(random.uniform(-18, 18))
    scale = (wanted[1, 0] - wanted[0, 0]) / np.hypot(x1 - x0, y1 - y0) * random.uniform(0.92, 1.08)
    matrix = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shift = random.uniform(-0.03, 0.03, 2) * size
    offset = wanted.mean(0) + shift - matrix @ portrait.eyes.mean(0)
    # Blurred against aliasing: warpAffine samples single pixels when it shrinks.
    soft = cv2.GaussianBlur(portrait.image, (0, 0), 0.4 / scale) if scale < 0.8 else portrait.image
    crop = cv2.warpAffine(
        soft, np.column_stack([matrix, offset]), (size, size), borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(crop, np.uint8)


def _jitter_light(crop: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    gain = np.exp(random.normal(0, 0.08) + random.normal(0, 0.03, 3))
    return np.clip(crop * gain + 0.5, 0, 255).astype(np.uint8)
