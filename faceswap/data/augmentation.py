"""Random changes of light and colour, the same on what goes in and what shall come out.

All use of albumentations is here, so that it can be replaced.
"""

import os

import numpy as np
from numpy.typing import NDArray

# It would otherwise ask the network for a newer version of itself when it is imported.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A


class PhotometricChange:
    """Changes brightness, contrast, gamma, hue and saturation of a face.

    Args:
        strength: 0 = none, 1 = as much as footage of one person usually varies.
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
        """The changed image; a pure function of its arguments.

        Args:
            image: ``(H, W, 3) uint8 RGB``; left as it is.
            seed: Decides about the change.
        """
        if self.strength == 0:
            return image
        self._change.set_random_seed(seed)
        return self._change(image=image)["image"]
