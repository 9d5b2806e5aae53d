"""Training and validation batches: of images, or of the features of a frozen network."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.data.batches import BatchPlan
from classifier.data.dataset import LoadedImages
from classifier.models import BuiltNetwork
from classifier.models.formats import normalise
from classifier.models.inference import seen, whole_logits
from classifier.training.head_features import compute_features
from classifier.training.training_data import LoadedSplits, OnImage, silent
from faceswap.core.seeding import generator

Pair = tuple[Tensor, Tensor]
"""Inputs and labels of this process's slice of a batch, on the CPU."""


class Source(Protocol):
    """Batches of a training."""

    @property
    def batch_size(self) -> int:
        """Images of a step, over all processes."""
        ...

    @property
    def steps(self) -> int:
        """Steps of an epoch."""
        ...

    def trained_module(self, module: nn.Module) -> nn.Module:
        """The module that takes the inputs: the whole network, or its head."""
        ...

    def epoch(self, epoch: int, first_step: int = 0, rollbacks: int = 0) -> Iterator[Pair]:
        """Training batches of an epoch.

        Args:
            epoch: Epoch, from 0.
            first_step: First step, from 0, after resuming within the epoch.
            rollbacks: Number of rollbacks of the run, each of which changes the order.
        """
        ...

    def prepare(self, inputs: Tensor) -> Tensor:
        """Converts inputs, on the device, to what the trained module takes."""
        ...

    def validation_batches(self) -> Iterator[Pair]:
        """This process's slice of the validation images, in batches."""
        ...

    def logits(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Logits of validation inputs, on the device."""
        ...


@dataclass(frozen=True)
class ImageSource:
    """Batches of images, augmented anew in each epoch.

    Attributes:
        built: The network that the images are for.
        plan: Plan of the batches.
        train: Training images.
        validation: Validation images.
        channels_last: Whether prepared images are in channels_last memory.
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

    def trained_module(self, module: nn.Module) -> nn.Module:
        """The whole network."""
        return module

    def epoch(self, epoch: int, first_step: int = 0, rollbacks: int = 0) -> Iterator[Pair]:
        """``(b, C, S, S) uint8`` images and their labels."""
        for batch in _reseeded(self.plan, rollbacks).epoch(self.train, epoch, first_step):
            yield batch.images, batch.labels

    def prepare(self, inputs: Tensor) -> Tensor:
        """Normalises images."""
        return self._laid_out(normalise(inputs, self.built.input))

    def validation_batches(self) -> Iterator[Pair]:
        """Stored images and their labels."""
        mine = _own_positions(len(self.validation), self.plan)
        for chosen in _chunks(mine, self.batch_size):
            labels = torch.from_numpy(self.validation.labels[chosen]).long()
            yield torch.from_numpy(self.validation.images[chosen]), labels

    def logits(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Logits of the centre crops of images, or of all pixels."""
        return whole_logits(module, self._laid_out(seen(inputs, self.built)), self.built)

    def _laid_out(self, images: Tensor) -> Tensor:
        return images.to(memory_format=torch.channels_last) if self.channels_last else images


@dataclass(frozen=True)
class FeatureSource:
    """Batches of the inputs of a frozen network's head, computed in advance.

    Attributes:
        head: Dotted name of the head.
        plan: Plan of the batches. A mirrored view, if there is one, is sampled for every other
            image.
        train: ``(views, N, ...) float32`` features of the training images.
        validation: ``(1, M, ...) float32`` features of the validation images.
        train_images: The training images.
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

    def trained_module(self, module: nn.Module) -> nn.Module:
        """The head."""
        return module.get_submodule(self.head)

    def epoch(self, epoch: int, first_step: int = 0, rollbacks: int = 0) -> Iterator[Pair]:
        """``(b, ...) float32`` features and their labels."""
        plan = _reseeded(self.plan, rollbacks)
        labels = torch.from_numpy(self.train_images.labels)
        order = plan.order(self.train_images, epoch)
        for step in range(first_step, self.steps):
            batch = order[step * self.batch_size : (step + 1) * self.batch_size]
            # Sampled for the whole batch, so that it does not depend on the number of processes.
            random = generator(plan.seed, "view", epoch, step)
            views = random.integers(len(self.train), size=len(batch))
            mine = slice(plan.rank, None, plan.world_size)
            chosen = batch[mine]
            yield torch.from_numpy(self.train[views[mine], chosen]), labels[chosen]

    def prepare(self, inputs: Tensor) -> Tensor:
        """Returns features as they are."""
        return inputs

    def validation_batches(self) -> Iterator[Pair]:
        """Features and labels."""
        labels = torch.from_numpy(self.validation_labels)
        mine = _own_positions(len(labels), self.plan)
        for chosen in _chunks(mine, self.batch_size):
            yield torch.from_numpy(self.validation[0, chosen]), labels[chosen]

    def logits(self, module: nn.Module, inputs: Tensor) -> Tensor:
        """Logits of features."""
        logits = self.trained_module(module)(inputs)
        return logits.reshape(len(logits), -1)


def _reseeded(plan: BatchPlan, rollbacks: int) -> BatchPlan:
    """The plan with another random stream after rollbacks."""
    if not rollbacks:
        return plan
    return replace(plan, seed=int(generator(plan.seed, "rollback", rollbacks).integers(2**31)))


def _own_positions(count: int, plan: BatchPlan) -> NDArray[np.int64]:
    return np.arange(plan.rank, count, plan.world_size)


def _chunks(positions: NDArray[np.int64], size: int) -> Iterator[NDArray[np.int64]]:
    for first in range(0, len(positions), size):
        yield positions[first : first + size]


def make_feature_source(
    built: BuiltNetwork,
    plan: BatchPlan,
    splits: LoadedSplits,
    accelerator: Accelerator,
    cache: Path | None,
    on_image: OnImage = silent,
) -> FeatureSource:
    """Computes the features of a frozen network.

    Args:
        built: The network, on its device.
        plan: Plan of the batches; ``augment.flip`` adds mirrored views.
        splits: The images.
        accelerator: Accelerator of the training.
        cache: Folder for features; None keeps them in memory.
        on_image: Called with the number of images whose features are computed.
    """
    built.module.eval()
    train, validation = (
        compute_features(
            images,
            built,
            accelerator,
            mirrored=mirrored,
            folder=None if cache is None else cache / split,
            on_image=on_image,
        )
        for split, images, mirrored in (
            ("train", splits.train, plan.augment.flip),
            ("validation", splits.validation, False),
        )
    )
    labels = splits.validation.labels.astype(np.int64)
    return FeatureSource(built.head, plan, train, validation, splits.train, labels)
