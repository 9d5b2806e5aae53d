"""Photometric augmentation, applied alike to input and target.

The only module of faceswap that uses albumentations, so that it can be replaced.
"""

import os

import numpy as np
from numpy.typing import NDArray

# Disables the update check that albumentations makes when it is imported.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A


class PhotometricChange:
    """Random change of brightness, contrast, gamma, hue and saturation.

    Args:
        strength: Strength of the change; 0 disables it, 1 matches the usual variation within
            footage of one person.
    """

    def __init__(self, strength: float) -> None:
        self.strength = strength
        self._change = A.Compose(
            [
                A.RandomBrightnessContrast(0.15 * strength, 0.15 * strength, p=0.5),
                A.RandomGamma((int(100 / (1 + 0.2 * strength)), int(100 + 20 * strength)), p=0.3),
                A.HueSaturationValue(6 * strength, 20 * strength, 10 * strength, p=0.4),
                A.RGBShift(*[(-8 * strength, 8 * strength)] * 3, p=0.3),
            ]
        )

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """Augments an image; a pure function of its arguments.

        Args:
            image: Image, ``(H, W, 3) uint8 RGB``; not modified.
            seed: Seed of the change.

        Returns:
            ``(H, W, 3) uint8 RGB``.
        """
        if self.strength == 0:
            return image
        self._change.set_random_seed(seed)
        return self._change(image=image)["image"]
