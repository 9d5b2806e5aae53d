"""Batches as a pure function of seed and step, the same after a resume and on many GPUs."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from classifier.data.folders import LabelledImages
from classifier.models.registry import InputFormat
from faceswap.core.errors import ConfigError
from faceswap.core.seeding import generator


@dataclass(frozen=True)
class BatchPlan:
    """How training images become batches.

    Attributes:
        seed: The run's seed.
        batch_size: Images of a step over all processes; no more than there are.
        flip: Mirror every other image at random.
        shift: Move images by up to so many pixels.
        rank: Which of the processes this one is.
        world: How many processes share a batch.
    """

    seed: int
    batch_size: int
    flip: bool = False
    shift: int = 0
    rank: int = 0
    world: int = 1

    def __post_init__(self) -> None:
        if self.batch_size % self.world:
            raise ConfigError(
                f"A batch of {self.batch_size} images cannot be shared by {self.world} processes "
                "evenly.",
                "Choose --set data.batch_size as a multiple of the number of processes.",
            )

    def steps(self, data: LabelledImages) -> int:
        """Steps of an epoch; a last batch that is not full is left out."""
        return len(data) // self.batch_size

    def epoch(self, data: LabelledImages, epoch: int) -> Iterator[tuple[Tensor, Tensor]]:
        """This process's share of each batch of an epoch.

        Yields:
            ``(b, C, S, S) uint8`` images and ``(b,) int64`` labels on the CPU.
        """
        order = generator(self.seed, "order", epoch).permutation(len(data))
        for step in range(self.steps(data)):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            random = generator(self.seed, "augment", epoch, step)
            # Drawn for the whole batch, so that an image's fate does not depend on the process.
            flips = random.random(len(batch)) < 0.5 if self.flip else np.zeros(len(batch), bool)
            shifts = random.integers(-self.shift, self.shift + 1, (len(batch), 2))
            mine = slice(self.rank, None, self.world)
            images = data.images[batch[mine]]
            moved = augment(images, flips[mine], shifts[mine])
            yield torch.from_numpy(moved), torch.from_numpy(data.labels[batch[mine]])


def augment(images: np.ndarray, flips: np.ndarray, shifts: np.ndarray) -> np.ndarray:
    """Mirrors and moves images; what comes in at an edge repeats it.

    Args:
        images: ``(B, C, S, S)``.
        flips: ``(B,) bool``.
        shifts: ``(B, 2)`` pixels, x before y; positive moves right and down.
    """
    side = np.arange(images.shape[-1])
    columns = (side[None] - shifts[:, :1]).clip(0, side[-1])  # (B, S)
    rows = (side[None] - shifts[:, 1:]).clip(0, side[-1])
    columns = np.where(flips[:, None], side[-1] - columns, columns)
    picked = np.arange(len(images))[:, None, None]
    # Indices apart from the channel slice come first in numpy: (B, S, S, C).
    return images[picked, :, rows[:, :, None], columns[:, None, :]].transpose(0, 3, 1, 2)


def normalise(images: Tensor, form: InputFormat) -> Tensor:
    """``(B, C, S, S) uint8`` -> float32 as the network takes it."""
    mean = torch.tensor(form.mean, device=images.device).view(1, -1, 1, 1)
    std = torch.tensor(form.std, device=images.device).view(1, -1, 1, 1)
    return (images.float() / 255 - mean) / std
