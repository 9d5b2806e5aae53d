"""What a training is made of: data, network, source and learner, from its settings."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from numpy.typing import NDArray

from classifier.data import divide, load_images, open_dataset
from classifier.data.augmentation import Augmentation
from classifier.data.balance import class_weights, require_every_class
from classifier.data.batches import BatchPlan
from classifier.data.dataset import Dataset, LoadedImages
from classifier.data.loading import Skipped, pixel_side
from classifier.models import BuiltNetwork, build_network
from classifier.models.pretrained import LoadReport, load_published, load_weights_file
from classifier.settings import AugmentSettings, Settings
from classifier.training.headfeatures import compute_features
from classifier.training.sources import FeatureSource, ImageSource, Source
from faceswap.core.config import find_recipe
from faceswap.core.errors import ConfigError, MediaError

OnImage = Callable[[int], None]


def silent(_count: int) -> None:
    """Where nobody wants to know about progress."""


def shorthands(
    model: str | None,
    weights: Path | None,
    transfer: str | None,
    epochs: int | None,
    classes: Path | None,
    *,
    pretrained: bool,
) -> list[str]:
    """What options of the command line stand for, as ``NAME=VALUE`` of settings."""
    given = {
        "network.name": model,
        "network.weights": None if weights is None else str(weights),
        "network.pretrained": pretrained or None,
        "transfer.mode": transfer,
        "epochs": epochs,
        "data.classes": None if classes is None else str(classes),
    }
    # JSON is YAML, and quotes what has a meaning there.
    return [f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None]


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
    return divide(dataset, settings.data.validation, settings.seed)


def build(
    settings: Settings, dataset: Dataset, *, fresh: bool = True
) -> tuple[BuiltNetwork, LoadReport | None]:
    """The network, on the CPU.

    Args:
        settings: Of the training.
        dataset: Its classes and task.
        fresh: Whether to load what it shall know beforehand; a run that goes on has its own.

    Returns:
        The network, and what was loaded if anything was.

    Raises:
        ConfigError: The settings contradict each other, or network and data do.
        WeightsUnavailable: The published weights cannot be fetched.
    """
    network, count = settings.network, len(dataset.classes)
    _check_transfer(settings)
    options: dict[str, Any] = dict(network.options)
    report = None
    if network.pretrained and fresh:
        built, report = load_published(network.name, count, options, network.size)
    else:
        built = build_network(network.name, count, options, network.size)
        if network.weights is not None and fresh:
            report = load_weights_file(built, network.weights)
    _check_network(built, settings, dataset)
    return built, report


def _check_transfer(settings: Settings) -> None:
    network, mode = settings.network, settings.transfer.mode
    if network.pretrained and network.weights is not None:
        raise ConfigError(
            "The network is to begin with published weights and with those of a file.",
            "Leave out --pretrained or --weights.",
        )
    if mode != "scratch" and not (network.pretrained or network.weights is not None):
        raise ConfigError(
            f"--transfer {mode} needs a network that knows something.",
            "Add --pretrained or --weights FILE, or use --transfer scratch.",
        )


def _check_network(built: BuiltNetwork, settings: Settings, dataset: Dataset) -> None:
    if built.task != dataset.task:
        raise ConfigError(
            f"{settings.network.name} gives classes to {built.task}, the data in {dataset.root} "
            f"have classes of {dataset.task}.",
            "Choose another --model: fcdensenet56 is for pixels, resnet18 for images.",
        )
    if not any(True for _ in built.module.parameters()):
        raise ConfigError(f"{settings.network.name} has nothing that could learn.")
    if built.rule == "perceptron" and (settings.augment.mixup or settings.augment.cutmix):
        raise ConfigError("The perceptron's rule knows no mixed images.", "Turn mixup off.")


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
class Parts:
    """The images of a training, decoded.

    Attributes:
        train: To learn from.
        validation: Kept aside.
        skipped: Files that cannot be read, with the reasons.
    """

    train: LoadedImages
    validation: LoadedImages
    skipped: Skipped


def load_parts(
    dataset: Dataset,
    built: BuiltNetwork,
    side: tuple[int, int] | None,
    cache: Path | None,
    on_image: OnImage = silent,
) -> Parts:
    """Decodes training images and those kept aside.

    Raises:
        MediaError: A class has no image that can be read, or none is kept aside.
    """
    loaded, skipped = [], []
    for part in ("train", "validation"):
        images, left_out = load_images(
            dataset.parts[part],
            built.input,
            task=dataset.task,
            side=side,
            void=dataset.void,
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
    return Parts(train, validation, skipped)


def loss_weights(
    settings: Settings, dataset: Dataset, train: LoadedImages
) -> NDArray[np.float32] | None:
    """Weights of the classes in the loss, or None for all alike."""
    if settings.data.balance != "loss":
        return None
    return class_weights(train.labels, len(dataset.classes), dataset.task)


def make_source(
    settings: Settings,
    built: BuiltNetwork,
    parts: Parts,
    accelerator: Accelerator,
    cache: Path | None,
    on_image: OnImage = silent,
) -> Source:
    """Where the steps come from; computes the features of a frozen network, if that is wanted.

    Args:
        settings: Of the training.
        built: The network, on the device.
        parts: The images.
        accelerator: Owns device and processes.
        cache: Folder for features; None keeps them in memory.
        on_image: Called with the number of images whose features are known.
    """
    size = built.input.size
    plan = BatchPlan(
        settings.seed,
        settings.data.batch_size,
        augmentation(settings.augment),
        size,
        settings.data.balance,
        accelerator.process_index,
        accelerator.num_processes,
    )
    if settings.transfer.mode != "features":
        last = _channels_last(settings, built)
        return ImageSource(built, plan, parts.train, parts.validation, last)
    built.module.eval()
    views = [
        compute_features(
            images, built, accelerator, mirrored=mirrored, folder=cache, on_image=on_image
        )
        for images, mirrored in ((parts.train, settings.augment.flip), (parts.validation, False))
    ]
    labels = parts.validation.labels.astype(np.int64)
    return FeatureSource(built.head, plan, views[0], views[1], parts.train, labels)


def _channels_last(settings: Settings, built: BuiltNetwork) -> bool:
    return settings.channels_last and any(p.dim() == 4 for p in built.module.parameters())


def place(settings: Settings, built: BuiltNetwork, accelerator: Accelerator) -> None:
    """Puts a network on its device, in the memory layout its kernels like."""
    built.module.to(accelerator.device)
    if _channels_last(settings, built):
        built.module.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]


def augmentation(settings: AugmentSettings) -> Augmentation:
    """What changes single images, of the settings."""
    return Augmentation(**settings.model_dump(exclude={"mixup", "cutmix"}))


def without_effect(settings: Settings) -> list[str]:
    """Settings of augmentation that features computed once cannot follow."""
    if settings.transfer.mode != "features":
        return []
    chosen: Mapping[str, Any] = settings.augment.model_dump()
    defaults = AugmentSettings().model_dump()
    return [f"augment.{n}" for n, v in chosen.items() if v != defaults[n] and n != "flip"]
