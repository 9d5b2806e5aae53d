"""Changes what lies behind and in front of the labelled objects of an image, and their masks."""

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX
from classifier.data.textures import random_shape, random_texture

Labelled = tuple[NDArray[np.uint8], NDArray[np.uint8]]

BACKGROUND = np.uint8(0)
"""Class of the background, of textures and of pasted objects."""
_MOST_OBJECTS = 3
_MOST_STROKES = 6
_COLOURS = 64  # sampled from an image as palette


def replace_background(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    random: np.random.Generator,
) -> Labelled:
    """Replaces the background, and what is unlabelled, by a texture, which is background too.

    Args:
        image: ``(H, W, C) uint8``.
        mask: ``(H, W) uint8`` classes.
        random: Random generator.

    Returns:
        Image and mask of the same shapes.
    """
    behind = (mask == BACKGROUND) | (mask == IGNORE_INDEX)
    texture = random_texture(random, mask.shape, _palette(image, random))
    # Borders of labels are not exact: soft ones hide what remains of the old background.
    cover = cv2.GaussianBlur(behind.astype(np.float32), (0, 0), random.uniform(0.3, 1.5))
    return _blend(image, texture, cover), np.where(behind, BACKGROUND, mask)


def paste_objects(
    image: NDArray[np.uint8],
    mask: NDArray[np.uint8],
    random: np.random.Generator,
) -> Labelled:
    """Pastes one to three textured shapes with soft shadows, labelled as background.

    Args, results: as those of ``replace_background``.
    """
    palette = _palette(image, random)
    for _ in range(int(random.integers(1, _MOST_OBJECTS + 1))):
        shape = random_shape(random, mask.shape).astype(np.float32) / 255
        texture = random_texture(random, mask.shape, palette)
        width = min(mask.shape) * random.uniform(0.01, 0.06)
        soft = cv2.GaussianBlur(shape, (0, 0), width)
        # Darker towards its border, as round things are, and shading what is around it.
        texture *= 1 - np.float32(random.uniform(0, 0.6)) * (1 - soft[..., None])
        shaded = image * (1 - np.float32(random.uniform(0, 0.5)) * soft[..., None])
        cover = cv2.GaussianBlur(shape, (0, 0), random.uniform(0.4, 1.2))
        image = _blend(shaded, texture, cover)
        mask = np.where(shape > 0.5, BACKGROUND, mask)
    return image, mask


def draw_strokes(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    """Draws thin curves, like loose hair, or a pair of rings, like glasses.

    Args:
        image: ``(H, W, C) uint8``.
        random: Random generator.

    Returns:
        Image of the same shape.
    """
    size, side = image.shape[:2], min(image.shape[:2])
    drawn = np.zeros(size, np.uint8)
    thickness = max(1, round(side * random.uniform(0.005, 0.03)))
    if random.random() < 0.5:
        _draw_rings(drawn, thickness, random)
    else:
        for _ in range(int(random.integers(1, _MOST_STROKES + 1))):
            _draw_curve(drawn, thickness, random)
    cover = cv2.GaussianBlur(drawn.astype(np.float32) / 255, (0, 0), 0.6)
    texture = random_texture(random, size, _palette(image, random))
    texture *= np.float32(random.choice([0.3, 1.0]))  # rims and hair are often dark
    return _blend(image, texture, cover * np.float32(random.uniform(0.5, 1)))


def _draw_rings(drawn: NDArray[np.uint8], thickness: int, random: np.random.Generator) -> None:
    height, width = drawn.shape
    centre = np.array([width, height]) * random.uniform(0.3, 0.7, 2)
    radii = min(drawn.shape) * random.uniform(0.07, 0.14) * np.array([1, random.uniform(0.6, 1)])
    angle = random.uniform(-20, 20)
    along = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))])
    for sign in (-1, 1):
        middle = np.round(centre + sign * along * radii[0] * 1.3).astype(int).tolist()
        axes = np.round(radii).astype(int).tolist()
        cv2.ellipse(drawn, middle, axes, angle, 0, 360, 255, thickness)
        inner, outer = (centre + sign * along * radii[0] * reach for reach in (0.3, 2.3))
        ends = (inner, centre), (outer, outer + sign * along * radii[0] * 1.5)
        for start, end in ends:  # the bridge and the temples
            points = np.round([start, end]).astype(np.int32)
            cv2.polylines(drawn, [points], isClosed=False, color=255, thickness=thickness)


def _draw_curve(drawn: NDArray[np.uint8], thickness: int, random: np.random.Generator) -> None:
    """A quadratic Bezier curve between two random points."""
    ends = random.uniform(-0.1, 1.1, (3, 2)) * drawn.shape[::-1]
    step = np.linspace(0, 1, 16)[:, None]
    curve = (1 - step) ** 2 * ends[0] + 2 * step * (1 - step) * ends[1] + step**2 * ends[2]
    points = np.round(curve).astype(np.int32)
    cv2.polylines(drawn, [points], isClosed=False, color=255, thickness=thickness)


def _palette(image: NDArray[np.uint8], random: np.random.Generator) -> NDArray[np.uint8]:
    pixels = image.reshape(-1, image.shape[2])
    return pixels[random.integers(len(pixels), size=_COLOURS)]


def _blend(
    below: NDArray[Any],
    above: NDArray[np.float32],
    cover: NDArray[Any],
) -> NDArray[np.uint8]:
    mixed = below + cover[..., None] * (above - below)
    return np.asarray(cv2.convertScaleAbs(mixed), np.uint8).reshape(mixed.shape)  # rounded
