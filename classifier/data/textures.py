"""Random textures and shapes: material for backgrounds and for objects in front of others."""

import cv2
import numpy as np
from numpy.typing import NDArray

_OCTAVES = 4
_GRAIN = 12.0  # largest standard deviation of fine noise, in grey levels
_OUTLINE = 24  # corners of a blob


def random_texture(
    random: np.random.Generator, size: tuple[int, int], palette: NDArray[np.uint8]
) -> NDArray[np.float32]:
    """A texture of two colours: a gradient, clouds, stripes, patches or a plain wall.

    Half of the colours come from the palette, with another brightness, so that a network cannot
    tell textures from objects by their colours alone.

    Args:
        random: Random generator.
        size: Height and width in pixels.
        palette: ``(N, C) uint8`` colours, N of at least 1.

    Returns:
        ``(H, W, C) float32`` in [0, 255].
    """
    first, second = (_colour(random, palette) for _ in range(2))
    kind = int(random.integers(5))
    if kind == 0:  # a plain wall, in uneven light
        second = first * np.float32(random.uniform(0.8, 1.2))
    blend = _gradient(random, size) if kind < 2 else _clouds(random, size)
    if kind == 3:
        blend = 0.5 + 0.5 * np.sin(_gradient(random, size) * np.float32(random.uniform(10, 80)))
    if kind == 4:  # patches with sharp edges
        blend = cv2.GaussianBlur((blend > 0.5).astype(np.float32), (0, 0), random.uniform(0.5, 2))
    grain = random.standard_normal((*size, 1), np.float32)
    grain *= np.float32(_GRAIN * random.random() ** 2)
    mixed = first + blend[..., None] * (second - first) + grain
    return np.asarray(np.clip(mixed, 0, 255), np.float32)


def _colour(random: np.random.Generator, palette: NDArray[np.uint8]) -> NDArray[np.float32]:
    if random.random() < 0.5:
        return palette[random.integers(len(palette))] * np.float32(random.uniform(0.6, 1.4))
    grey = random.uniform(0, 255)
    colour = grey + random.random() ** 2 * (random.uniform(0, 255, palette.shape[1]) - grey)
    return colour.astype(np.float32)


def _gradient(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """``(H, W)`` from 0 to 1 in a random direction."""
    angle = random.uniform(0, 2 * np.pi)
    y, x = (np.arange(side, dtype=np.float32) for side in size)
    return _stretched(np.float32(np.sin(angle)) * y[:, None] + np.float32(np.cos(angle)) * x)


def _clouds(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.float32]:
    """``(H, W)`` from 0 to 1: noise of several scales."""
    total = np.zeros(size, np.float32)
    cells = int(random.integers(2, 6))
    for octave in range(int(random.integers(1, _OCTAVES + 1))):
        coarse = random.random((cells << octave, cells << octave)).astype(np.float32)
        total += cv2.resize(coarse, size[::-1], interpolation=cv2.INTER_CUBIC) / (1 << octave)
    return _stretched(total)


def _stretched(field: NDArray[np.floating]) -> NDArray[np.float32]:
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - low) / max(high - low, 1e-6), np.float32)


def random_shape(random: np.random.Generator, size: tuple[int, int]) -> NDArray[np.uint8]:
    """A filled shape that may reach beyond the image: a blob, a bar, or a hand with fingers.

    Args:
        random: Random generator.
        size: Height and width in pixels.

    Returns:
        ``(H, W) uint8``, 255 inside.
    """
    drawn = np.zeros(size, np.uint8)
    side = float(min(size))
    centre = random.uniform(0, 1, 2) * size[::-1]
    radius = side * random.uniform(0.05, 0.22)
    kind = int(random.integers(3))
    if kind == 0:
        cv2.fillPoly(drawn, [_outline(random, centre, radius)], 255)
        return drawn
    angle = random.uniform(0, 2 * np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    if kind == 1:  # an arm, a microphone, a post
        _draw_line(drawn, centre, centre + along * side * random.uniform(0.3, 1.2), radius)
        return drawn
    cv2.fillPoly(drawn, [_outline(random, centre, radius)], 255)
    across = np.array([-along[1], along[0]])
    for place in np.linspace(-0.8, 0.8, int(random.integers(2, 6))):
        root = centre + across * place * radius
        tip = root + (along + 0.3 * place * across) * radius * random.uniform(1.5, 2.6)
        _draw_line(drawn, root, tip, radius * random.uniform(0.3, 0.4))
    return drawn


def _outline(
    random: np.random.Generator, centre: NDArray[np.floating], radius: float
) -> NDArray[np.int32]:
    """Corners of a blob, ``(N, 2)``: a circle with dents, stretched in a random direction."""
    turns = np.linspace(0, 2 * np.pi, _OUTLINE, endpoint=False)
    reach = np.full(_OUTLINE, radius)
    for wave in range(1, 4):
        strength = random.uniform(0, 0.35) / wave
        reach *= 1 + strength * np.sin(wave * turns + random.uniform(0, 2 * np.pi))
    points = np.stack([reach * np.cos(turns), reach * np.sin(turns) * random.uniform(0.4, 1)], 1)
    angle = random.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.round(points @ turn.T + centre).astype(np.int32)


def _draw_line(
    drawn: NDArray[np.uint8],
    start: NDArray[np.floating],
    end: NDArray[np.floating],
    radius: float,
) -> None:
    """A line with round ends, 2 radii thick."""
    first, last = (tuple(np.round(point).astype(int).tolist()) for point in (start, end))
    cv2.line(drawn, first, last, 255, max(1, round(2 * radius)))
