"""Digits and letters rendered with matplotlib's fonts: a data set without files."""

from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from classifier.lessons.material.fitting import IntArray
from classifier.models import InputFormat
from classifier.models.formats import normalise
from faceswap.core.seeding import generator

DIGITS = "0123456789"
SIZE = 32
_FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Oblique.ttf",
    "DejaVuSansMono.ttf",
    "DejaVuSerif.ttf",
    "DejaVuSerif-Italic.ttf",
    "DejaVuSans-Bold.ttf",
    "STIXGeneral.ttf",
    "STIXGeneralItalic.ttf",
    "cmr10.ttf",
    "cmss10.ttf",
    "cmtt10.ttf",
)
_LARGE = 96


def render_glyphs(
    count: int,
    seed: int,
    characters: str = DIGITS,
    size: int = SIZE,
    noise: float = 12,
    variation: float = 1,
) -> tuple[NDArray[np.uint8], IntArray]:
    """Render characters in random fonts, with random geometry, stroke width, blur and noise.

    Args:
        count: Number of images; the classes are balanced to within one image.
        seed: Seed of all random choices.
        characters: Characters to render; the label is the index into this string.
        size: Side of the images in pixels.
        noise: Standard deviation of the noise in each pixel, of 255.
        variation: Range of rotation, slant, stretch, shift and brightness, 0 (none) to 1; fonts,
            stroke widths and blur vary in any case.

    Returns:
        ``(count, size, size) uint8`` images, light on dark, and ``(count,)`` labels, shuffled.
    """
    random = generator(seed, "glyphs", characters)
    labels = random.permutation(np.arange(count) % len(characters))
    images = np.empty((count, size, size), np.uint8)
    for index, label in enumerate(labels):
        glyph = _glyph(characters[label], _FONTS[random.integers(len(_FONTS))])
        images[index] = _augment(glyph, size, noise, variation, random)
    return images, labels.astype(np.int64)


@cache
def _glyph(character: str, font: str) -> NDArray[np.uint8]:
    """Render a character about 60 pixels high, centred in a 96 x 96 image."""
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / font
    canvas = Image.new("L", (_LARGE, _LARGE))
    face = ImageFont.truetype(path, 80)
    ImageDraw.Draw(canvas).text((_LARGE / 2, _LARGE / 2), character, 255, face, anchor="mm")
    return np.asarray(canvas)


def _augment(
    glyph: NDArray[np.uint8],
    size: int,
    noise: float,
    variation: float,
    random: np.random.Generator,
) -> NDArray[np.uint8]:
    angle = np.deg2rad(variation * random.uniform(-20, 20))
    slant = variation * random.uniform(-0.3, 0.3)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    stretch = np.diag(random.uniform(0.75 + 0.35 * (1 - variation), 1.1, 2)) * size / _LARGE
    matrix = rotation @ np.array([[1, slant], [0, 1]]) @ stretch
    centre = (size - 1) / 2 + variation * random.uniform(-0.08, 0.08, 2) * size
    offset = centre - matrix @ np.full(2, (_LARGE - 1) / 2)
    brush = np.ones((int(random.integers(1, 8)),) * 2, np.uint8)
    thick = cv2.dilate(glyph, brush) if random.random() < 0.7 else cv2.erode(glyph, brush[:3, :3])
    # Blurred before warpAffine, which samples single pixels and would lose thin strokes.
    soft = cv2.GaussianBlur(thick, (0, 0), float(random.uniform(1.0, 2.2)))
    small = cv2.warpAffine(soft, np.column_stack([matrix, offset]), (size, size))
    light = random.uniform(1 - 0.3 * variation, 1) * small + random.normal(0, noise, small.shape)
    return np.clip(light + 0.5, 0, 255).astype(np.uint8)


def glyph_tensors(
    count: int, seed: int, form: InputFormat, characters: str = DIGITS
) -> tuple[Tensor, Tensor]:
    """Render characters as network input.

    Args:
        count: Number of images.
        seed: Seed of all random choices.
        form: Input format of the network: size, mean and standard deviation.
        characters: Characters to render.

    Returns:
        ``(count, 1, size, size) float32`` normalised images and ``(count,) int64`` labels.
    """
    images, labels = render_glyphs(count, seed, characters, form.size)
    return normalise(torch.from_numpy(images)[:, None], form), torch.from_numpy(labels)


def digit_pixels(
    count: int, seed: int, noise: float = 12, variation: float = 1
) -> tuple[Tensor, Tensor]:
    """Render digits as vectors of pixels.

    Args:
        count: Number of images.
        seed: Seed of all random choices.
        noise: Standard deviation of the noise in each pixel, of 255.
        variation: Range of rotation, slant and so on; see ``render_glyphs``.

    Returns:
        ``(count, 1024) float32`` grey values in [0, 1], rows of the images one after another, and
        ``(count,) int64`` labels.
    """
    images, labels = render_glyphs(count, seed, noise=noise, variation=variation)
    return torch.from_numpy(images).flatten(1) / 255, torch.from_numpy(labels)
