"""Similarity of consecutive frames, by which cuts are recognised."""

import math

import cv2
import numpy as np
from numpy.typing import NDArray


def thumbnail(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Reduces a frame (H, W, 3) uint8 RGB to (16, 16) uint8 grey, which suffices to find cuts."""
    # A sample of the pixels finds cuts as well as all of them, at a tenth of the cost.
    height, width = image.shape[:2]
    sample = np.ascontiguousarray(image[:: max(1, height // 64), :: max(1, width // 64)])
    grey = cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)
    return np.asarray(cv2.resize(grey, (16, 16), interpolation=cv2.INTER_AREA), np.uint8)


def similarity(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two thumbnails, in [-1, 1].

    It is 1 if only the brightness changed, and for two blank images. Typically under 0.3 at cuts
    and over 0.7 elsewhere.
    """
    a, b = (picture - picture.mean(dtype=np.float64) for picture in (one, other))
    # Keeps noise in nearly blank images from looking like cuts.
    blank = 25.0
    spread = math.sqrt(float((a * a).mean() * (b * b).mean()))
    return (float((a * b).mean()) + blank) / (spread + blank)
