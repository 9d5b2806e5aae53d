"""Classes of image files, wherever they lie."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from classifier.data import LoadedImages, Sample
from classifier.data.images import UnreadableImage, is_image, read_image, upright_size
from classifier.evaluation.pictures import (
    as_picture,
    overlay_labels,
    write_labels,
    write_picture,
)
from classifier.models.inference import predict_images
from classifier.models.model_file import LoadedClassifier


@dataclass(frozen=True)
class ImageFile:
    """An image to be classified.

    Attributes:
        path: The file.
        name: What it is called below the folder that the user named.
    """

    path: Path
    name: Path


@dataclass(frozen=True)
class Prediction:
    """What a network says about one file.

    Attributes:
        file: Which.
        probabilities: ``(K,)``, or ``(K, h, w)`` where pixels have classes.
    """

    file: ImageFile
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Unreadable:
    """A file that is no image, and why."""

    file: ImageFile
    reason: str


def find_images(paths: Sequence[Path]) -> list[ImageFile]:
    """Files as given, and all images below folders, sorted; names are told apart.

    A file is taken whatever it is called, or whether it is there: reading it says what is wrong.
    """
    files: list[ImageFile] = []
    for path in paths:
        if path.is_dir():
            below = sorted(inner for inner in path.rglob("*") if is_image(inner))
            files += [ImageFile(inner, inner.relative_to(path)) for inner in below]
        else:
            files.append(ImageFile(path, Path(path.name)))
    taken: set[Path] = set()
    return [_told_apart(file, taken) for file in files]


def _told_apart(file: ImageFile, taken: set[Path]) -> ImageFile:
    """Gives it a name whose stem no other has: results are called by it."""
    stem, number = file.name.with_suffix(""), 1
    while stem in taken:
        number += 1
        stem = file.name.with_name(f"{file.name.stem}-{number}")
    taken.add(stem)
    return ImageFile(file.path, stem)


def predict_files(
    loaded: LoadedClassifier,
    files: Sequence[ImageFile],
    side: tuple[int, int] | None,
    *,
    batch_size: int = 64,
    device: torch.device | str = "cpu",
    on_image: Callable[[int], None] = lambda _: None,
) -> Iterator[Prediction | Unreadable]:
    """Classifies files, in their order; what cannot be read is said and passed over.

    Args:
        loaded: The network.
        files: From ``find_images``.
        side: Height and width that images are scaled to; None takes each at its own size.
        batch_size: Images at a time.
        device: Where to compute.
        on_image: Called with the number of files done.
    """

    def read(file: ImageFile) -> NDArray[np.uint8] | Unreadable:
        try:
            sides = side or upright_size(file.path)
            return read_image(file.path, sides, loaded.input.channels, loaded.built.task)
        except UnreadableImage as error:
            return Unreadable(file, str(error))

    with ThreadPoolExecutor(4) as pool:
        for first in range(0, len(files), batch_size):
            chosen = files[first : first + batch_size]
            pairs = list(zip(chosen, pool.map(read, chosen), strict=True))
            # Images of one shape go through the network together; elsewhere the order is kept.
            for shape, run in groupby(pairs, key=_shape):
                if shape is None:
                    yield from (result for _, result in run if isinstance(result, Unreadable))
                else:
                    yield from _predict(loaded, list(run), batch_size, device)
            on_image(len(chosen))


_Read = tuple[ImageFile, NDArray[np.uint8] | Unreadable]


def _shape(pair: _Read) -> tuple[int, ...] | None:
    return None if isinstance(pair[1], Unreadable) else pair[1].shape


def _predict(
    loaded: LoadedClassifier, pairs: Sequence[_Read], batch_size: int, device: torch.device | str
) -> Iterator[Prediction]:
    images = np.stack([image for _, image in pairs if not isinstance(image, Unreadable)])
    samples = tuple(Sample(file.path, -1) for file, _ in pairs)
    data = LoadedImages(images, np.full(len(images), -1, np.int64), samples)
    number = 0
    for batch in predict_images(loaded, data.images, batch_size, device):
        for probabilities in batch:
            yield Prediction(pairs[number][0], probabilities)
            number += 1


def class_rows(
    prediction: Prediction, classes: Sequence[str]
) -> dict[str, str | float | dict[str, float]]:
    """What is written about an image: class, its probability, and those of all classes."""
    best = int(prediction.probabilities.argmax())
    every = {
        name: round(float(value), 6)
        for name, value in zip(classes, prediction.probabilities, strict=True)
    }
    return {
        "path": str(prediction.file.path),
        "class": classes[best],
        "probability": every[classes[best]],
        "probabilities": every,
    }


def write_masks(
    prediction: Prediction, classes: Sequence[str], folder: Path
) -> dict[str, str | dict[str, float]]:
    """Writes the class of each pixel, as large as the image is, and a picture with both.

    Args:
        prediction: Of a network for pixels.
        classes: Names.
        folder: Gets ``masks/`` and ``overlays/``.

    Returns:
        What is written about the image: the two files, and each class's fraction of the pixels.
    """
    labels = prediction.probabilities.argmax(0).astype(np.uint8)
    height, width = upright_size(prediction.file.path)
    whole = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    image = as_picture(read_image(prediction.file.path, (height, width), 3, "pixels"))
    name = prediction.file.name.with_name(f"{prediction.file.name.name}.png")
    mask, overlay = folder / "masks" / name, folder / "overlays" / name
    write_labels(mask, whole, len(classes))
    write_picture(overlay, overlay_labels(image, whole, len(classes)))
    counts = np.bincount(whole.ravel(), minlength=len(classes)) / whole.size
    fractions = {
        name: round(float(fraction), 6) for name, fraction in zip(classes, counts, strict=True)
    }
    return {
        "path": str(prediction.file.path),
        "mask": str(mask),
        "overlay": str(overlay),
        "fractions": fractions,
    }
