"""Prediction of the classes of image files."""

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
from classifier.data.images import UnreadableImage, read_image, upright_size
from classifier.data.readers.tree import read_tree
from classifier.evaluation.pictures import (
    as_picture,
    overlay_labels,
    write_labels,
    write_picture,
)
from classifier.models.inference import predict_images
from classifier.models.model_file import LoadedClassifier
from faceswap.core.text import readable_name


@dataclass(frozen=True)
class ImageFile:
    """An image file to classify.

    Attributes:
        path: Path of the file.
        name: Unique name without suffix, relative to the folder given by the user.
    """

    path: Path
    name: Path


@dataclass(frozen=True)
class Prediction:
    """Prediction for one file.

    Attributes:
        file: Image file.
        probabilities: ``(K,)`` class probabilities; ``(K, h, w)`` for a segmentation network.
    """

    file: ImageFile
    probabilities: NDArray[np.float32]


@dataclass(frozen=True)
class Unreadable:
    """An unreadable file.

    Attributes:
        file: Image file.
        reason: Error message.
    """

    file: ImageFile
    reason: str


def find_images(
    paths: Sequence[Path],
    on_note: Callable[[str], None] = lambda _: None,
    exclude: Path | None = None,
) -> list[ImageFile]:
    """List the given files and all images below the given folders, with unique names.

    Files that are given by path are not checked here: reading them reports what is wrong.

    Args:
        paths: Image files, and folders that are searched recursively.
        on_note: Receives a sentence for each reason why something in a folder was left out.
        exclude: Folder that is not searched: the output of the command.
    """
    files: list[ImageFile] = []
    for path in paths:
        if _is_folder(path):
            tree = read_tree(path, exclude)
            below = tree.root.all_images()
            files += [ImageFile(inner, inner.relative_to(path)) for inner in below]
            for sentence in tree.notes():
                on_note(sentence)
        else:
            files.append(ImageFile(path, Path(path.name)))
    taken: set[Path] = set()
    return [_with_unique_name(file, taken) for file in files]


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long, say, which reading the file reports
        return False


def _with_unique_name(file: ImageFile, taken: set[Path]) -> ImageFile:
    """Append a number to the stem if another file has the same: output files use this name."""
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
    """Classify files in order.

    Args:
        loaded: Network.
        files: Files from ``find_images``.
        side: Height and width that images are resized to; None keeps each image's own size.
        batch_size: Images per batch.
        device: Device of the network.
        on_image: Called with the number of files done since the last call.

    Yields:
        Prediction for each file, or the reason why it is unreadable.
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
            # Consecutive images of equal shape form a batch; this keeps the order of the files.
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


def class_row(
    prediction: Prediction, classes: Sequence[str]
) -> dict[str, str | float | dict[str, float]]:
    """Build the output row of an image: predicted class and probabilities."""
    best = int(prediction.probabilities.argmax())
    every = {
        name: round(float(value), 6)
        for name, value in zip(classes, prediction.probabilities, strict=True)
    }
    return {
        "path": readable_name(prediction.file.path),
        "class": classes[best],
        "probability": every[classes[best]],
        "probabilities": every,
    }


def mask_files(file: ImageFile, folder: Path) -> tuple[Path, Path]:
    """The files in an output folder for the mask of an image, and for its overlay."""
    name = file.name.with_name(f"{file.name.name}.png")
    return folder / "masks" / name, folder / "overlays" / name


def write_masks(
    prediction: Prediction, classes: Sequence[str], folder: Path
) -> dict[str, str | dict[str, float]]:
    """Write the predicted mask at the size of the image, and an overlay of image and mask.

    Args:
        prediction: Prediction of a segmentation network.
        classes: Class names.
        folder: Output folder; files go to ``masks/`` and ``overlays/`` in it.

    Returns:
        Output row of the image: both files, and each class's fraction of the pixels.
    """
    labels = prediction.probabilities.argmax(0).astype(np.uint8)
    height, width = upright_size(prediction.file.path)
    whole = cv2.resize(labels, (width, height), interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    image = as_picture(read_image(prediction.file.path, (height, width), 3, "pixels"))
    mask, overlay = mask_files(prediction.file, folder)
    write_labels(mask, whole, len(classes))
    write_picture(overlay, overlay_labels(image, whole, len(classes)))
    counts = np.bincount(whole.ravel(), minlength=len(classes)) / whole.size
    fractions = {
        name: round(float(fraction), 6) for name, fraction in zip(classes, counts, strict=True)
    }
    return {
        "path": readable_name(prediction.file.path),
        "mask": readable_name(mask),
        "overlay": readable_name(overlay),
        "fractions": fractions,
    }
