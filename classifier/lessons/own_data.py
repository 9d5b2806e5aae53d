"""The user's own images for a lesson, in memory and as a network takes them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from classifier.data import LoadedImages, Sample, load_images, open_dataset, split_dataset
from classifier.lessons.fitting import IntArray
from classifier.models import InputFormat
from classifier.models.formats import normalise
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

_KEPT_ASIDE = 0.3


@dataclass(frozen=True)
class OwnImages:
    """Images with classes, in two parts.

    Attributes:
        classes: Their names.
        train: What is learnt from.
        test: What accuracy is counted on.
    """

    classes: tuple[str, ...]
    train: LoadedImages
    test: LoadedImages


def load_own_images(path: Path, form: InputFormat, most: tuple[int, int], seed: int) -> OwnImages:
    """Opens data of any kind that has a class for each image, idx files among them.

    Args:
        path: See ``classifier.data.open_dataset``.
        form: Of the network that will see them.
        most: How many images to learn from and to count on are taken; they are drawn at random.
        seed: Of that draw, and of the division where the data have none.

    Raises:
        MediaError: There is nothing at the path, or its pixels have classes instead of its images.
    """
    dataset = open_dataset(path)
    if dataset.task != "images":
        raise MediaError(
            f"{path} has a class for each pixel; this lesson needs one for each image.",
            "Give a folder with a sub-folder for each class.",
        )
    divided = dataset if dataset.splits.get("test") else split_dataset(dataset, _KEPT_ASIDE, seed)
    aside = divided.splits.get("test") or divided.splits["validation"]
    parts = [
        load_images(_drawn(samples, count, seed), form)[0]
        for samples, count in zip((divided.splits["train"], aside), most, strict=True)
    ]
    return OwnImages(dataset.classes, parts[0], parts[1])


def _drawn(samples: tuple[Sample, ...], count: int, seed: int) -> list[Sample]:
    order = generator(seed, "own images").permutation(len(samples))
    return [samples[index] for index in order[:count]]


def tensors(images: LoadedImages, form: InputFormat) -> tuple[Tensor, Tensor]:
    """``(N, C, S, S) float32`` as the network takes them, and ``(N,) int64`` labels."""
    labels: IntArray = images.labels.astype("int64")
    return normalise(torch.from_numpy(images.images), form), torch.from_numpy(labels)
