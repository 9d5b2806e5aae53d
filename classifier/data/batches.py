"""Batches as a pure function of seed and step: equal after resuming and for any world size."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from classifier.data.augmentation import Augmentation, SampleAugmenter
from classifier.data.balance import balanced_order
from classifier.data.dataset import LoadedImages
from classifier.data.windows import Windows
from faceswap.core.errors import ConfigError
from faceswap.core.seeding import generator


class Batch(NamedTuple):
    """The images of one step on one process.

    Attributes:
        images: ``(b, C, S, S) uint8`` on the CPU.
        labels: ``(b,) int64``, or ``(b, S, S) int64`` class of each pixel
            (``IGNORE_INDEX`` where it is unlabelled).
    """

    images: Tensor
    labels: Tensor


@dataclass(frozen=True)
class BatchPlan:
    """Sampling of training images into batches.

    Attributes:
        seed: Seed of the run.
        batch_size: Images per step over all processes, limited to the number of images.
        augment: Augmentation of the images.
        size: Side of the batch images in pixels; None keeps the stored size. Larger stored images
            are cropped: at the centre (or at random, if ``augment.crop`` is below 1), or at a
            random position if they have masks.
        balance: "sampling" samples all classes equally often; other values have no effect here.
        rank: Rank of this process.
        world_size: Number of processes that split a batch.
    """

    seed: int
    batch_size: int
    augment: Augmentation = field(default_factory=Augmentation)
    size: int | None = None
    balance: Literal["none", "loss", "sampling"] = "none"
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        if self.batch_size % self.world_size:
            raise ConfigError(
                f"Expected a batch size divisible by the {self.world_size} processes, found "
                f"{self.batch_size}.",
                "Change --set data.batch_size.",
            )

    def batch(self, data: LoadedImages) -> int:
        """Images per step over all processes.

        Raises:
            ConfigError: Fewer images than processes.
        """
        if len(data) < self.world_size:
            raise ConfigError(
                f"{len(data)} images cannot be split between {self.world_size} processes.",
                "Use fewer processes, or add images.",
            )
        return min(self.batch_size, len(data) // self.world_size * self.world_size)

    def steps(self, data: LoadedImages) -> int:
        """Steps per epoch; an incomplete last batch is dropped."""
        return len(data) // self.batch(data)

    def order(self, data: LoadedImages, epoch: int) -> NDArray[np.int64]:
        """``(N,) int64`` positions of the images in the order of an epoch.

        Raises:
            ConfigError: Balanced sampling of images with masks.
        """
        if self.balance != "sampling":
            return generator(self.seed, "order", epoch).permutation(len(data))
        if data.labels.ndim != 1:
            raise ConfigError(
                "data.balance=sampling expects images with one class each, found masks.",
                "Use --set data.balance=loss.",
            )
        labels = data.labels.astype(np.int64)
        return balanced_order(labels, generator(self.seed, "balance", epoch), len(data))

    def epoch(self, data: LoadedImages, epoch: int, first_step: int = 0) -> Iterator[Batch]:
        """The batches of an epoch, reduced to this process's images.

        Args:
            data: Images to sample from.
            epoch: Number of the epoch, from 0.
            first_step: First step, after resuming within the epoch.
        """
        order, count = self.order(data, epoch), self.batch(data)
        change = SampleAugmenter(self.augment, self._size(data)) if self.augment.slow else None
        with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
            for step in range(first_step, self.steps(data)):
                batch = order[step * count : (step + 1) * count]
                yield self._make(data, batch, change, (epoch, step), pool)

    def _size(self, data: LoadedImages) -> tuple[int, int]:
        return (self.size, self.size) if self.size else data.images.shape[2:]

    def _make(
        self,
        data: LoadedImages,
        batch: NDArray[np.int64],
        change: SampleAugmenter | None,
        when: tuple[int, int],
        pool: ThreadPoolExecutor,
    ) -> Batch:
        # Sampled for the whole batch, so that augmentation does not depend on the world size.
        windows = self._windows(data, len(batch), when).every(self.rank, self.world_size)
        mine = batch[self.rank :: self.world_size]
        images, labels = data.images[mine], data.labels[mine]
        masks = labels.astype(np.uint8) if labels.ndim == 3 else None
        images, masks = windows.cut(images, masks)
        if change is not None:
            slots = range(self.rank, len(batch), self.world_size)
            randoms = (generator(self.seed, "change", *when, slot) for slot in slots)
            given = masks if masks is not None else [None] * len(images)
            changed = list(pool.map(change, images, given, randoms))
            images = np.stack([image for image, _ in changed])
            if masks is not None:
                masks = np.stack([mask for _, mask in changed if mask is not None])
        wanted = labels if masks is None else masks
        # Indexing a memory map gives arrays of a subclass.
        plain = np.asarray(images), np.asarray(wanted, np.int64)
        return Batch(torch.from_numpy(plain[0]), torch.from_numpy(plain[1]))

    def _windows(self, data: LoadedImages, count: int, when: tuple[int, int]) -> Windows:
        """Windows of the batch images within the stored images."""
        stored, size = data.images.shape[2:], self._size(data)
        masked = data.labels.ndim == 3
        if self.augment.crop < 1 and not masked:
            size = stored  # the random crop needs the whole stored image
        random = generator(self.seed, "augment", *when)
        flips = random.random(count) < 0.5 if self.augment.flip else np.zeros(count, bool)
        shift = self.augment.shift
        shifts = random.integers(-shift, shift + 1, (count, 2))
        spare = np.array(stored) - size
        if masked:
            corners = random.integers(np.minimum(spare, 0), np.maximum(spare, 0) + 1, (count, 2))
        else:
            corners = np.broadcast_to(spare // 2, (count, 2))
        return Windows((corners - shifts[:, ::-1]).astype(np.int64), size, flips)
