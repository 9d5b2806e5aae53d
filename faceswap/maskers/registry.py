"""Maskers by name."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from faceswap.core.registry import Registry

Masker = Callable[[NDArray[np.uint8], NDArray[np.floating]], NDArray[np.uint8]]
"""``(crop (H, W, 3) uint8 RGB, landmarks (68, 2) in crop pixels) -> (H, W) uint8``, 255 = face."""

maskers: Registry[Masker] = Registry("masker")
