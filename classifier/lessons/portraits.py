"""Two portraits in the public domain that installed libraries carry, cut to the face."""

from dataclasses import dataclass

import cv2
import numpy as np
from matplotlib import cbook
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from faceswap.core.seeding import generator

_EYES = np.array([[0.31, 0.36], [0.69, 0.36]])
"""Where the eyes lie in a crop, in sides of it; the crop reaches from the brows to the chin."""


@dataclass(frozen=True)
class Portrait:
    """One person.

    Attributes:
        name: Who it is.
        image: ``(H, W, 3) uint8 RGB``.
        eyes: Middle of the eye on the left of the image and of the other, ``(2, 2)`` pixels.
    """

    name: str
    image: NDArray[np.uint8]
    eyes: NDArray[np.float64]


def collins() -> Portrait:
    """Eileen Collins: NASA, public domain, scikit-image's ``astronaut``."""
    eyes = np.array([[202.7, 101.0], [246.7, 103.4]])
    return Portrait("Eileen Collins", np.asarray(data.astronaut(), np.uint8), eyes)


def hopper() -> Portrait:
    """Grace Hopper: US Navy, public domain, matplotlib's ``grace_hopper.jpg``."""
    with Image.open(cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)) as file:
        image = np.asarray(file.convert("RGB"), np.uint8)
    return Portrait("Grace Hopper", image, np.array([[218.9, 191.5], [308.2, 187.9]]))


def varied_crops(
    portrait: Portrait, count: int, size: int, seed: int
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Crops of a face under small changes of place, turn, size and light; each also warped.

    The warp is that of the first face-swapping networks: a grid of 5 x 5 points over the crop, each
    moved a little. Who learns to undo it learns what belongs to the face.

    Args:
        portrait: Whose.
        count: How many.
        size: Side in pixels.
        seed: Other seeds give other changes.

    Returns:
        Warped crops and the same crops as they are, each ``(count, size, size, 3) uint8 RGB``.
    """
    random = generator(seed, "crops", portrait.name)
    warped = np.empty((count, size, size, 3), np.uint8)
    whole = np.empty_like(warped)
    y, x = np.mgrid[:size, :size].astype(np.float32)
    for index in range(count):
        whole[index] = _light(_cut(portrait, size, random), random)
        move = random.normal(0, 0.028 * size, (2, 5, 5)).astype(np.float32)
        field = [cv2.resize(part, (size, size), interpolation=cv2.INTER_CUBIC) for part in move]
        warped[index] = cv2.remap(
            whole[index], x + field[0], y + field[1], cv2.INTER_LINEAR, None, cv2.BORDER_REPLICATE
        )
    return warped, whole


def _cut(portrait: Portrait, size: int, random: np.random.Generator) -> NDArray[np.uint8]:
    """A crop turned by up to 18 degrees, 8 % larger or smaller, a little to one side."""
    (x0, y0), (x1, y1) = portrait.eyes
    wanted = _EYES * size
    angle = np.arctan2(y1 - y0, x1 - x0) + np.deg2rad(random.uniform(-18, 18))
    scale = (wanted[1, 0] - wanted[0, 0]) / np.hypot(x1 - x0, y1 - y0) * random.uniform(0.92, 1.08)
    turn = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shift = random.uniform(-0.03, 0.03, 2) * size
    offset = wanted.mean(0) + shift - turn @ portrait.eyes.mean(0)
    # Smoothed to what the crop can show: warpAffine alone takes single pixels when it shrinks.
    soft = cv2.GaussianBlur(portrait.image, (0, 0), 0.4 / scale) if scale < 0.8 else portrait.image
    crop = cv2.warpAffine(
        soft, np.column_stack([turn, offset]), (size, size), borderMode=cv2.BORDER_REFLECT_101
    )
    return np.asarray(crop, np.uint8)


def _light(crop: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    gain = np.exp(random.normal(0, 0.08) + random.normal(0, 0.03, 3))
    return np.clip(crop * gain + 0.5, 0, 255).astype(np.uint8)
