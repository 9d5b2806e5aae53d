"""Random augmentation of single images and their masks.

The only module that uses albumentations, so that the library can be replaced here.
"""

import os
import random as python_random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import IGNORE_INDEX
from classifier.data.scenery import draw_strokes, paste_objects, replace_background

# Importing albumentations would otherwise check for a newer version online.
os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")

import albumentations as A

Transform = A.BasicTransform
_LEVELS = 30  # magnitude levels in both papers
# Pixels outside the image are grey, as in both papers.
_EDGES = {"border_mode": cv2.BORDER_CONSTANT, "fill": 128, "fill_mask": IGNORE_INDEX, "p": 1.0}


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training images; the fields of ``AugmentSettings`` for a single image.

    Attributes:
        flip: Flip horizontally with probability 0.5.
        shift: Largest translation in pixels, in each direction.
        crop: Smallest fraction of the area kept by a random resized crop (Szegedy et al., 2015).
        rotate: Largest rotation in degrees.
        colour: Strength of the colour jitter, 0 to 1.
        policy: RandAugment (Cubuk et al., 2020) or TrivialAugment (Müller and Hutter, 2021).
        operations: Number of RandAugment operations per image.
        magnitude: Magnitude of RandAugment, 0 to 1.
        erase: Probability of random erasing (Zhong et al., 2020).
        background: Probability of replacing the pixels of class 0 and unlabelled ones by a
            texture, in images with masks.
        occlude: Probability of pasting objects, which become class 0, in images with masks.
        strokes: Probability of drawing thin curves or rings, which keep the labels.
        degrade: Probability of each of: low resolution, motion blur, dim light, noise, JPEG
            artefacts, and grey instead of colours.
    """

    flip: bool = False
    shift: int = 0
    crop: float = 1.0
    rotate: float = 0.0
    colour: float = 0.0
    policy: Literal["none", "randaugment", "trivial"] = "none"
    operations: int = 2
    magnitude: float = 0.3
    erase: float = 0.0
    background: float = 0.0
    occlude: float = 0.0
    strokes: float = 0.0
    degrade: float = 0.0

    @property
    def slow(self) -> bool:
        """Whether images need more than flips and translations, which array slicing does."""
        light = max(self.rotate, self.colour, self.erase, self.degrade)
        scenery = max(self.background, self.occlude, self.strokes)
        return self.crop < 1 or self.policy != "none" or max(light, scenery) > 0


class SampleAugmenter:
    """Augments one image with all but flip and shift; may be called from several threads.

    Args:
        augment: Augmentation to apply.
        size: Height and width of the output in pixels.
    """

    def __init__(self, augment: Augmentation, size: tuple[int, int]) -> None:
        self.augment, self.size = augment, size
        self._own = threading.local()  # transforms hold their random state

    def __call__(
        self,
        image: NDArray[np.uint8],
        mask: NDArray[np.uint8] | None,
        random: np.random.Generator,
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
        """Augment an image; a pure function of its arguments.

        Args:
            image: ``(C, H, W) uint8``; not modified.
            mask: ``(H, W) uint8`` or None. Resampled by nearest neighbour; ``IGNORE_INDEX``
                outside the image.
            random: Random generator.

        Returns:
            ``(C, *size)`` and ``(*size)``.
        """
        if not hasattr(self._own, "transforms"):
            self._own.transforms = _Transforms(self.augment, self.size, len(image) == 1)
        transforms: _Transforms = self._own.transforms
        data: dict[str, Any] = {
            "image": np.ascontiguousarray(image.transpose(1, 2, 0))
        }  # CHW -> HWC
        data |= {} if mask is None else {"mask": mask}
        data = _apply(transforms.sample(random), data, random)
        # Before the light, which then is the same for all that the image shows.
        data = self._change_scenery(data, len(image), random)
        data = _apply(transforms.after, data, random)
        changed = data["image"].reshape(*self.size, len(image))
        return np.ascontiguousarray(changed.transpose(2, 0, 1)), data.get("mask")

    def _change_scenery(
        self, data: dict[str, Any], channels: int, random: np.random.Generator
    ) -> dict[str, Any]:
        augment, mask = self.augment, data.get("mask")
        image = data["image"].reshape(*data["image"].shape[:2], channels)
        if mask is not None and random.random() < augment.background:
            image, mask = replace_background(image, mask, random)
        if random.random() < augment.strokes:
            image = draw_strokes(image, random)
        if mask is not None and random.random() < augment.occlude:
            image, mask = paste_objects(image, mask, random)
        return {"image": image} | ({} if mask is None else {"mask": mask})


def _apply(
    transforms: list[Transform], data: dict[str, Any], random: np.random.Generator
) -> dict[str, Any]:
    for transform in transforms:
        # One generator for all transforms: equal seeds would give equal numbers.
        numbers = python_random.Random(int(random.integers(2**63)))
        transform.set_random_state(random, numbers)
        data = transform(**data)
    return data


class _Transforms:
    """The transforms of one thread; those of the policies are built when first sampled."""

    def __init__(self, augment: Augmentation, size: tuple[int, int], grey: bool) -> None:
        self.augment, self.size, self.grey = augment, size, grey
        self.before, self.after = self._geometry(), [*self._light(), *self._quality()]
        self.operations = list(_OPERATIONS)
        if grey:
            self.operations.remove("colour")
        self.built: dict[tuple[str, float], Transform | None] = {}

    def _geometry(self) -> list[Transform]:
        augment, chosen = self.augment, []
        if augment.crop < 1:
            scale = (augment.crop, 1.0)
            chosen.append(A.RandomResizedCrop(self.size, scale, area_for_downscale="image"))
        if augment.rotate > 0:
            chosen.append(A.Rotate((-augment.rotate, augment.rotate), **_EDGES))
        return chosen

    def _light(self) -> list[Transform]:
        strength, chosen = self.augment.colour, []
        if strength > 0 and self.grey:
            chosen.append(A.RandomBrightnessContrast(0.4 * strength, 0.4 * strength, p=1.0))
        elif strength > 0:
            span = (1 - 0.4 * strength, 1 + 0.4 * strength)
            hue = (-0.1 * strength, 0.1 * strength)
            chosen.append(A.ColorJitter(span, span, span, hue, p=1.0))
        return chosen

    def _quality(self) -> list[Transform]:
        chosen, degrade = [], self.augment.degrade
        if degrade > 0:
            chosen += [make(degrade) for make in _DEGRADATIONS]
        if degrade > 0 and not self.grey:
            chosen.append(A.ToGray(p=degrade))
        if self.augment.erase > 0:
            hole = A.Erasing(fill="random_uniform", fill_mask=IGNORE_INDEX, p=self.augment.erase)
            chosen.append(hole)
        return chosen

    def sample(self, random: np.random.Generator) -> list[Transform]:
        """Sample the geometry and the policy of one image, in order."""
        augment, policy = self.augment, []
        if augment.policy == "randaugment":
            level = round(augment.magnitude * _LEVELS) / _LEVELS
            policy = [self._operation(random, level, wide=False) for _ in range(augment.operations)]
        elif augment.policy == "trivial":
            level = int(random.integers(_LEVELS + 1)) / _LEVELS
            policy = [self._operation(random, level, wide=True)]
        return [*self.before, *(step for step in policy if step is not None)]

    def _operation(
        self, random: np.random.Generator, level: float, *, wide: bool
    ) -> Transform | None:
        name = self.operations[int(random.integers(len(self.operations)))]
        signed = level if random.random() < 0.5 else -level
        key = (name, signed)
        if key not in self.built:
            self.built[key] = _OPERATIONS[name](signed, wide)
        return self.built[key]


_DEGRADATIONS: tuple[Callable[[float], Transform], ...] = (
    lambda p: A.Downscale((0.3, 0.9), p=p),
    lambda p: A.MotionBlur((3, 7), p=p),
    lambda p: A.RandomBrightnessContrast((-0.35, 0.1), (-0.4, 0.2), p=p),
    lambda p: A.GaussNoise((0.01, 0.08), p=p),
    lambda p: A.ImageCompression(quality_range=(20, 90), p=p),
)
"""What a camera and an encoder do to an image, in this order, by their probability."""


def _affine(**change: object) -> Transform:
    return A.Affine(**change, **_EDGES)  # pyright: ignore[reportArgumentType]


def _move(axis: str, level: float, wide: bool) -> Transform:
    # RandAugment: up to 150 of 331 pixels. TrivialAugment's wide space: 32 of CIFAR's 32.
    fraction = level * (1.0 if wide else 150 / 331)
    return _affine(translate_percent={axis: (fraction, fraction), _other(axis): (0.0, 0.0)})


def _shear(axis: str, level: float, wide: bool) -> Transform:
    degrees = float(np.degrees(np.arctan(level * (0.99 if wide else 0.3))))
    return _affine(shear={axis: (degrees, degrees), _other(axis): (0.0, 0.0)})


def _other(axis: str) -> str:
    return "y" if axis == "x" else "x"


def _turn(level: float, wide: bool) -> Transform:
    degrees = level * (135.0 if wide else 30.0)
    return A.Rotate((degrees, degrees), **_EDGES)


def _light(which: str, level: float, wide: bool) -> Transform:
    factor = 1 + level * (0.99 if wide else 0.9)
    same = dict.fromkeys(("brightness", "contrast", "saturation"), (1.0, 1.0))
    return A.ColorJitter(**{**same, which: (factor, factor)}, hue=(0.0, 0.0), p=1.0)


def _sharpness(level: float, wide: bool) -> Transform | None:
    """Sharpen for positive levels, blur for negative ones."""
    if level == 0:
        return None
    strength = abs(level) * (0.99 if wide else 0.9)
    if level > 0:
        return A.Sharpen((strength, strength), (1.0, 1.0), p=1.0)
    return A.GaussianBlur(0, (strength, strength), p=1.0)


def _posterize(level: float, wide: bool) -> Transform:
    bits = 8 - round(abs(level) * (6 if wide else 4))
    return A.Posterize((bits, bits), p=1.0)


def _solarize(level: float, _: bool) -> Transform:
    threshold = 1 - abs(level)
    return A.Solarize((threshold, threshold), p=1.0)


_OPERATIONS: dict[str, Callable[[float, bool], Transform | None]] = {
    "identity": lambda _level, _wide: None,
    "shear_x": lambda level, wide: _shear("x", level, wide),
    "shear_y": lambda level, wide: _shear("y", level, wide),
    "move_x": lambda level, wide: _move("x", level, wide),
    "move_y": lambda level, wide: _move("y", level, wide),
    "turn": _turn,
    "brightness": lambda level, wide: _light("brightness", level, wide),
    "colour": lambda level, wide: _light("saturation", level, wide),
    "contrast": lambda level, wide: _light("contrast", level, wide),
    "sharpness": _sharpness,
    "posterize": _posterize,
    "solarize": _solarize,
    "autocontrast": lambda _level, _wide: A.AutoContrast(p=1.0),
    "equalize": lambda _level, _wide: A.Equalize(p=1.0),
}
"""Operations by name: functions of a signed magnitude in [-1, 1] and of whether to use
TrivialAugment's wide space."""
