"""The images a network takes: side, channels, and how values are centred and scaled."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class InputFormat:
    """The images that a network takes: ``(B, channels, size, size) float32``.

    Attributes:
        size: Side in pixels. A network for pixels takes other sides and oblongs too.
        channels: 1 (grey) or 3 (RGB).
        mean: Subtracted from values in [0, 1], for each channel.
        std: What the difference is divided by.
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
    """The format with these statistics of RGB; grey images take their mean over the colours."""
    if channels == 1:
        mean, std = (sum(mean) / len(mean),), (sum(std) / len(std),)
    return InputFormat(size, channels, tuple(mean), tuple(std))


def signed_format(size: int, channels: int) -> InputFormat:
    """Values from -1 to 1: for networks that know no images yet."""
    return input_format(size, channels, (0.5,) * 3, (0.5,) * 3)


def normalise(images: Tensor, form: InputFormat) -> Tensor:
    """``(B, C, S, S) uint8`` -> float32 as the network takes it."""
    mean = torch.tensor(form.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(form.std, device=images.device).view(1, -1, 1, 1)
    return (images.float() / 255 - mean) / std
