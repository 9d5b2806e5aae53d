"""The images of a training: opened, divided and decoded as its settings say."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.data import load_images, open_dataset, split_dataset
from classifier.data.balance import class_weights, require_every_class
from classifier.data.dataset import Dataset, LoadedImages
from classifier.data.loading import Skipped, pixel_side
from classifier.models import BuiltNetwork
from classifier.training.settings import Settings
from faceswap.core.config import find_recipe
from faceswap.core.errors import MediaError

OnImage = Callable[[int], None]


def silent(_count: int) -> None:
    """Where nobody wants to know about progress."""


def class_file(settings: Settings) -> Path | None:
    """The file that names the classes; a recipe names one beside itself."""
    path = settings.data.classes
    if path is None or path.is_file() or path.is_absolute():
        return path
    beside = find_recipe("classifier", "lenet5").parent / path
    return beside if beside.is_file() else path


def open_data(path: Path, settings: Settings) -> Dataset:
    """The samples at a path, with some kept aside for validation.

    Raises:
        MediaError: The data are missing, malformed or too few.
        ConfigError: A setting about them is wrong.
    """
    dataset = open_dataset(path, settings.data.group, class_file(settings))
    return split_dataset(dataset, settings.data.validation, settings.seed)


def stored_side(
    built: BuiltNetwork, settings: Settings, dataset: Dataset
) -> tuple[int, int] | None:
    """Height and width at which images are stored; None is the network's own size.

    Images that are cropped at random are stored a little larger, so that the crops lose nothing.
    """
    if built.task == "pixels":
        return pixel_side(dataset.samples, settings.data.height, settings.data.width)
    if settings.augment.crop < 1 and settings.transfer.mode != "features":
        side = math.ceil(built.input.size * 8 / 7)
        return side, side
    return None


@dataclass(frozen=True)
class Splits:
    """The images of a training, decoded.

    Attributes:
        train: To learn from.
        validation: Kept aside.
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
) -> Splits:
    """Decodes training images and those kept aside.

    Raises:
        MediaError: A class has no image that can be read, or none is kept aside.
    """
    loaded, skipped = [], []
    for split in ("train", "validation"):
        images, left_out = load_images(
            dataset.splits[split],
            built.input,
            task=dataset.task,
            side=side,
            ignore_index=dataset.ignore_index,
            cache=cache,
            on_image=on_image,
        )
        loaded.append(images)
        skipped += left_out
    train, validation = loaded
    if dataset.task == "images":
        require_every_class(train, dataset.classes, "to train on")
    if len(validation) == 0:
        raise MediaError(f"None of the images kept aside in {dataset.root} can be read.")
    return Splits(train, validation, skipped)


def loss_weights(
    settings: Settings, dataset: Dataset, train: LoadedImages
) -> NDArray[np.float32] | None:
    """Weights of the classes in the loss, or None for all alike."""
    if settings.data.balance != "loss":
        return None
    return class_weights(train.labels, len(dataset.classes), dataset.task)
