"""Two spirals: points of two classes in the plane that no line separates."""

import numpy as np

from classifier.lessons.material.fitting import FloatArray, IntArray
from faceswap.core.seeding import generator


def two_spirals(count: int, seed: int) -> tuple[FloatArray, IntArray]:
    """Sample two interleaved spirals of one and a quarter turns (Lang and Witbrock, 1988).

    Args:
        count: Number of points.
        seed: Random seed.

    Returns:
        ``(count, 2)`` points, coordinates in about [-1, 1], and ``(count,)`` labels, in turn.
    """
    random = generator(seed, "spirals")
    labels = np.arange(count) % 2
    radius = random.uniform(0.1, 1, count)
    angle = 2.5 * np.pi * radius + np.pi * labels
    arms = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (arms + random.normal(0, 0.025, (count, 2))).astype(np.float32), labels
