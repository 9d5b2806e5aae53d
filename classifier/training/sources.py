"""Where the steps of a training come from: images, or what enters the head of a frozen network."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.data.augmentation import Augmentation
from classifier.data.batches import BatchPlan
from classifier.data.dataset import LoadedImages
from classifier.models import BuiltNetwork
from classifier.models.formats import normalise
from classifier.models.inference import seen, whole_logits
from classifier.training.head_features import compute_features
from classifier.training.networks import is_channels_last
from classifier.training.settings import AugmentSettings, Settings
from classifier.training.training_data import OnImage, Splits, silent
from faceswap.core.seeding import generator

Pair = tuple[Tensor, Tensor]
"""Inputs and labels of one process's share of a batch, on the CPU."""


class Source(Protocol):
    """What a training learns from and is measured on."""

    @property
    def batch_size(self) -> int:
        """Images of a step, over all processes."""
        ...

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        ...

    def learner(self, module: nn.Module) -> nn.Module:
        """What of the network learns from the inputs: all of it, or its head."""
        ...

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Pair]:
        """Inputs and labels of the steps of an epoch."""
        ...

    def prepare(self, inputs: Tensor) -> Tensor:
        """Makes inputs on the device what the learner takes."""
        ...

    def kept_aside(self) -> Iterator[Pair]:
        """This process's share of the images kept aside, in batches."""
        ...

    def logits(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Logits of inputs that were kept aside, on the device."""
        ...


@dataclass(frozen=True)
class ImageSource:
    """Images, augmented anew each time.

    Attributes:
        built: The network they are for.
        plan: How they become batches.
        train: Images to learn from.
        validation: Images kept aside.
        channels_last: Memory layout of the prepared images.
    """

    built: BuiltNetwork
    plan: BatchPlan
    train: LoadedImages
    validation: LoadedImages
    channels_last: bool = False

    @property
    def batch_size(self) -> int:
        """Images of a step, over all processes."""
        return self.plan.batch(self.train)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.plan.steps(self.train)

    def learner(self, module: nn.Module) -> nn.Module:
        """The whole network."""
        return module

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Pair]:
        """``(b, C, S, S) uint8`` images and their labels."""
        for batch in self.plan.epoch(self.train, epoch, first_step):
            yield batch.images, batch.labels

    def prepare(self, inputs: Tensor) -> Tensor:
        """Normalises images."""
        return self._laid_out(normalise(inputs, self.built.input))

    def kept_aside(self) -> Iterator[Pair]:
        """Whole stored images and their labels."""
        share = _shares(len(self.validation), self.plan.rank, self.plan.world_size)
        for chosen in _chunks(share, self.batch_size):
            labels = torch.from_numpy(self.validation.labels[chosen]).long()
            yield torch.from_numpy(self.validation.images[chosen]), labels

    def logits(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Logits of the middle of images, or of all their pixels."""
        return whole_logits(module, self._laid_out(seen(inputs, self.built)), self.built)

    def _laid_out(self, images: Tensor) -> Tensor:
        return images.to(memory_format=torch.channels_last) if self.channels_last else images


@dataclass(frozen=True)
class FeatureSource:
    """What enters the head of a frozen network, computed beforehand.

    Attributes:
        head: Dotted name of the head.
        plan: How the images become batches: which, in which order. A mirrored view, where there
            is one, is drawn for every other image.
        train: ``(views, N, ...) float32``.
        validation: ``(1, M, ...) float32``.
        train_images: The images behind ``train``.
        validation_labels: ``(M,) int64``.
    """

    head: str
    plan: BatchPlan
    train: NDArray[np.float32]
    validation: NDArray[np.float32]
    train_images: LoadedImages
    validation_labels: NDArray[np.int64]

    @property
    def batch_size(self) -> int:
        """Images of a step, over all processes."""
        return self.plan.batch(self.train_images)

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        return self.plan.steps(self.train_images)

    def learner(self, module: nn.Module) -> nn.Module:
        """The head."""
        return module.get_submodule(self.head)

    def epoch(self, epoch: int, first_step: int = 0) -> Iterator[Pair]:
        """``(b, ...) float32`` features and their labels."""
        labels = torch.from_numpy(self.train_images.labels)
        order = self.plan.order(self.train_images, epoch)
        for step in range(first_step, self.steps):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            # Drawn for the whole batch, so that an image's fate does not depend on the process.
            random = generator(self.plan.seed, "view", epoch, step)
            views = random.integers(len(self.train), size=len(batch))
            mine = slice(self.plan.rank, None, self.plan.world_size)
            chosen = batch[mine]
            yield torch.from_numpy(self.train[views[mine], chosen]), labels[chosen]

    def prepare(self, inputs: Tensor) -> Tensor:
        """Features are as the head takes them."""
        return inputs

    def kept_aside(self) -> Iterator[Pair]:
        """Features and labels."""
        labels = torch.from_numpy(self.validation_labels)
        share = _shares(len(labels), self.plan.rank, self.plan.world_size)
        for chosen in _chunks(share, self.batch_size):
            yield torch.from_numpy(self.validation[0, chosen]), labels[chosen]

    def logits(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """What the head says of features."""
        logits = self.learner(module)(inputs)
        return logits.reshape(len(logits), -1)


def _shares(count: int, rank: int, world_size: int) -> NDArray[np.int64]:
    return np.arange(rank, count, world_size)


def _chunks(positions: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(positions), size):
        yield positions[first : first + size]


def make_source(
    settings: Settings,
    built: BuiltNetwork,
    splits: Splits,
    accelerator: Accelerator,
    cache: Path | None,
    on_image: OnImage = silent,
) -> Source:
    """Where the steps come from; computes the features of a frozen network, if that is wanted.

    Args:
        settings: Of the training.
        built: The network, on the device.
        splits: The images.
        accelerator: Owns device and processes.
        cache: Folder for features; None keeps them in memory.
        on_image: Called with the number of images whose features are known.
    """
    size = built.input.size
    plan = BatchPlan(
        settings.seed,
        settings.data.batch_size,
        _augmentation(settings.augment),
        size,
        settings.data.balance,
        accelerator.process_index,
        accelerator.num_processes,
    )
    if settings.transfer.mode != "features":
        last = is_channels_last(settings, built)
        return ImageSource(built, plan, splits.train, splits.validation, last)
    built.module.eval()
    views = [
        compute_features(
            images, built, accelerator, mirrored=mirrored, folder=cache, on_image=on_image
        )
        for images, mirrored in ((splits.train, settings.augment.flip), (splits.validation, False))
    ]
    labels = splits.validation.labels.astype(np.int64)
    return FeatureSource(built.head, plan, views[0], views[1], splits.train, labels)


def _augmentation(settings: AugmentSettings) -> Augmentation:
    """What changes single images, of the settings."""
    return Augmentation(**settings.model_dump(exclude={"mixup", "cutmix"}))


def without_effect(settings: Settings) -> list[str]:
    """Settings of augmentation that features computed once cannot follow."""
    if settings.transfer.mode != "features":
        return []
    chosen: Mapping[str, Any] = settings.augment.model_dump()
    defaults = AugmentSettings().model_dump()
    return [f"augment.{n}" for n, v in chosen.items() if v != defaults[n] and n != "flip"]
