"""Input formats of networks: size, channels and normalisation."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class InputFormat:
    """Input format of a network: ``(B, channels, size, size) float32``.

    Attributes:
        size: Height and width in pixels. Segmentation networks also accept other sizes.
        channels: 1 (grey) or 3 (RGB).
        mean: Mean of each channel, for values in [0, 1].
        std: Standard deviation of each channel, for values in [0, 1].
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def input_format(
    size: int,
    channels: int,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
) -> InputFormat:
    """Input format with RGB statistics; for one channel, they are averaged over the colours."""
    if channels == 1:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return InputFormat(size, channels, tuple(mean), tuple(std))


def signed_format(size: int, channels: int) -> InputFormat:
    """Input format that maps values to [-1, 1], for networks trained from scratch."""
    return input_format(size, channels, (0.5,) * 3, (0.5,) * 3)


def normalise(images: Tensor, form: InputFormat) -> Tensor:
    """Normalise images: ``(B, C, H, W) uint8`` -> ``(B, C, H, W) float32``."""
    mean = torch.tensor(form.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(form.std, device=images.device).view(1, -1, 1, 1)
    return (images.float() / 255 - mean) / std
