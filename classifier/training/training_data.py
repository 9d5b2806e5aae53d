"""The images of a training: split, decoded, and the weights of their classes."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.data import load_images, open_dataset, split_dataset
from classifier.data.balance import class_weights, require_every_class
from classifier.data.dataset import Dataset, LoadedImages
from classifier.data.loading import Skipped
from classifier.models import BuiltNetwork
from faceswap.core.config import find_recipe
from faceswap.core.errors import MediaError

OnImage = Callable[[int], None]


def silent(_count: int) -> None:
    """Ignores progress."""


def resolve_class_file(path: Path | None) -> Path | None:
    """Path of the class file; a path in a recipe is relative to the recipe."""
    if path is None or path.is_file() or path.is_absolute():
        return path
    beside = find_recipe("classifier", "lenet5").parent / path
    return beside if beside.is_file() else path


def open_splits(
    path: Path, group: str, classes: Path | None, fraction: float, seed: int
) -> Dataset:
    """Opens a data set and splits off validation samples if the data have no validation split.

    Args:
        path: The data.
        group: Regular expression of samples that stay on one side of the split; may be empty.
        classes: File with the class names, or None.
        fraction: Fraction of validation samples, 0 to 1.
        seed: Seed of the split.

    Raises:
        MediaError: The data are missing, malformed or too few.
        ConfigError: A setting about them is invalid.
    """
    return split_dataset(open_dataset(path, group, resolve_class_file(classes)), fraction, seed)


def padded_side(size: int) -> tuple[int, int]:
    """Height and width at which images are stored for random crops of ``size`` pixels."""
    side = math.ceil(size * 8 / 7)
    return side, side


@dataclass(frozen=True)
class LoadedSplits:
    """Decoded images of a training.

    Attributes:
        train: Training images.
        validation: Validation images.
        skipped: Files that cannot be read, with the reasons.
    """

    train: LoadedImages
    validation: LoadedImages
    skipped: Skipped


def load_splits(
    dataset: Dataset,
    built: BuiltNetwork,
    side: tuple[int, int] | None,
    cache: Path | None,
    on_image: OnImage = silent,
) -> LoadedSplits:
    """Decodes the training and validation images.

    Args:
        dataset: The data set, split.
        built: The network that the images are for.
        side: Height and width to store images at; None is the network's own size.
        cache: Folder for decoded images; None keeps them in memory.
        on_image: Called with the number of images after some of them.

    Raises:
        MediaError: A class has no readable training image, or no validation image is readable.
    """
    loaded, skipped = [], []
    for split in ("train", "validation"):
        images, unreadable = load_images(
            dataset.splits[split],
            built.input,
            task=dataset.task,
            side=side,
            ignore_index=dataset.ignore_index,
            cache=None if cache is None else cache / split,
            on_image=on_image,
        )
        loaded.append(images)
        skipped += unreadable
    train, validation = loaded
    if dataset.task == "images":
        require_every_class(train, dataset.classes, "to train on")
    elif train.labels.min() > len(dataset.classes):
        raise MediaError(
            f"No pixel of the masks in {dataset.root} has a class.",
            "Check the class file and the values of the masks.",
        )
    if len(validation) == 0:
        raise MediaError(
            f"No validation image in {dataset.root} can be read.", "Replace the damaged files."
        )
    return LoadedSplits(train, validation, skipped)


def loss_weights(balance: str, dataset: Dataset, train: LoadedImages) -> NDArray[np.float32] | None:
    """Class weights of the loss, ``(K,)``, or None for equal weights.

    Args:
        balance: ``loss`` for weights; any other value for none.
        dataset: The data set with the classes.
        train: Training images.
    """
    if balance != "loss":
        return None
    return class_weights(train.labels, len(dataset.classes), dataset.task)
