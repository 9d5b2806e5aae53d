"""Photometric augmentation, alike for input and target, and degradation of the input.

The only module of faceswap that uses albumentations, so that it can be replaced.
"""

import os
from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

# Disables the update check that albumentations makes when it is imported.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A

from faceswap.data.channels import colours_of


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


class LocalContrast:
    """Contrast-limited adaptive histogram equalisation (CLAHE) of some faces.

    Args:
        probability: Probability of a change.
    """

    def __init__(self, probability: float) -> None:
        self.probability = probability
        self._change = A.CLAHE(clip_limit=(1.0, 2.0), tile_grid_size=(4, 4), p=probability)

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """See ``PhotometricChange``."""
        if self.probability == 0:
            return image
        self._change.set_random_seed(seed)
        return self._change(image=image)["image"]


class Degradation:
    """What bad footage does to a face: blur, motion, low resolution, noise and compression.

    Args:
        strength: Strength; 1 is the range of usual footage. Half of the faces stay as they are.
        side: Side of the training square in pixels.
    """

    def __init__(self, strength: float, side: int) -> None:
        blur, motion = 0.01 * strength * side, round(0.04 * strength * side) // 2 * 2 + 1
        blurs: list[A.ImageOnlyTransform] = [A.GaussianBlur(0, (0.25 * blur, blur))]
        if motion > 1:
            blurs.append(A.MotionBlur((3, motion), allow_shifted=False))
        # 30 and better at strength 1, 20 and better at 2.
        lowest = round(100 - 70 * min(strength, 1.0) - 10 * max(strength - 1, 0))
        self._change = A.Compose(
            [
                A.OneOf([*blurs], p=0.6),
                A.Downscale(
                    (1 / (1 + 1.5 * strength), 1 / (1 + 0.2 * strength)),
                    {"downscale": cv2.INTER_AREA, "upscale": cv2.INTER_LINEAR},
                    p=0.5,
                ),
                A.GaussNoise((0.005 * strength, 0.025 * strength), p=0.5),
                A.ImageCompression(quality_range=(lowest, round(100 - 10 * strength)), p=0.6),
            ],
            p=0.5,
        )

    def __call__(self, image: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
        """See ``PhotometricChange``."""
        self._change.set_random_seed(seed)
        return self._change(image=image)["image"]

    def of_batch(
        self, crops: NDArray[np.uint8], seeds: Sequence[Sequence[int]]
    ) -> NDArray[np.uint8]:
        """Degrades each crop ``(I, B, S, S, C)`` with its seed; ``(I, B, S, S, 3) uint8 RGB``."""
        return np.stack(
            [
                np.stack([self(colours_of(crop), seed) for crop, seed in zip(*row, strict=True)])
                for row in zip(crops, seeds, strict=True)
            ]
        )
