"""The user's own images as data of a lesson."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from classifier.data import (
    LoadedImages,
    Sample,
    load_images,
    open_dataset,
    require_trainable,
    split_dataset,
)
from classifier.lessons.material.fitting import IntArray
from classifier.models import InputFormat
from classifier.models.formats import normalise
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

_TEST_FRACTION = 0.3


@dataclass(frozen=True)
class OwnImages:
    """Labelled images in two splits.

    Attributes:
        classes: Class names.
        train: Training images.
        test: Test images.
    """

    classes: tuple[str, ...]
    train: LoadedImages
    test: LoadedImages


def load_own_images(path: Path, form: InputFormat, most: tuple[int, int], seed: int) -> OwnImages:
    """Load labelled images from a folder, a list or idx files.

    Args:
        path: Data set; see ``classifier.data.open_dataset``.
        form: Input format of the network.
        most: Largest number of training and of test images; more are sampled at random.
        seed: Seed of that sample, and of the split if the data have no test split.

    Raises:
        MediaError: No usable data at the path, or segmentation data.
    """
    dataset = open_dataset(path)
    if dataset.task != "images":
        raise MediaError(
            f"Expected one class per image, found masks in {path}.",
            "Give a folder with one sub-folder per class.",
        )
    require_trainable(dataset)
    if not dataset.splits.get("test"):
        dataset = split_dataset(dataset, _TEST_FRACTION, seed)
    test = dataset.splits.get("test") or dataset.splits["validation"]
    loaded = [
        load_images(_subset(samples, count, seed), form)[0]
        for samples, count in zip((dataset.splits["train"], test), most, strict=True)
    ]
    return OwnImages(dataset.classes, loaded[0], loaded[1])


def _subset(samples: tuple[Sample, ...], count: int, seed: int) -> list[Sample]:
    order = generator(seed, "own images").permutation(len(samples))
    return [samples[index] for index in order[:count]]


def tensors(images: LoadedImages, form: InputFormat) -> tuple[Tensor, Tensor]:
    """Convert to ``(N, C, S, S) float32`` normalised images and ``(N,) int64`` labels."""
    labels: IntArray = images.labels.astype("int64")
    return normalise(torch.from_numpy(images.images), form), torch.from_numpy(labels)
