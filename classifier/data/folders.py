"""Image folders: which files belong to which class, and the arrays made of them."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from classifier.data.images import SUFFIXES, UnreadableImage, read_square
from faceswap.core.errors import MediaError
from faceswap.core.seeding import generator

_LAYOUT = "Expected DATA/<class>/<images>, or DATA/train/<class>/<images> and DATA/val/..."
_VALIDATION_NAMES = ("val", "valid", "validation")


@dataclass(frozen=True)
class Sample:
    """An image file and the number of its class."""

    path: Path
    label: int


@dataclass(frozen=True)
class ImageFolder:
    """Files of an image folder, sorted.

    Attributes:
        root: The folder.
        classes: Names of the classes; a label is a position here.
        train: Files to train on; all files where the folder gives no split.
        validation: Files that the folder itself keeps aside, or None.
    """

    root: Path
    classes: tuple[str, ...]
    train: tuple[Sample, ...]
    validation: tuple[Sample, ...] | None

    def digest(self) -> str:
        """Hash of the names, sizes and labels of all files; changes when the data do."""
        lines = [
            f"{sample.path.relative_to(self.root).as_posix()} {sample.path.stat().st_size} "
            f"{self.classes[sample.label]}"
            for sample in (*self.train, *(self.validation or ()))
        ]
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()


@dataclass(frozen=True)
class LabelledImages:
    """Decoded images.

    Attributes:
        images: ``(N, C, S, S) uint8``.
        labels: ``(N,) int64``.
    """

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


def scan_folder(root: Path) -> ImageFolder:
    """Finds the classes and files of an image folder.

    Raises:
        MediaError: There is no such folder, it holds no images in class folders, fewer than two
            classes, or validation classes that training does not know.
    """
    if not root.is_dir():
        raise MediaError(f"There is no folder {root}.", _LAYOUT)
    train_root, held_out = root, None
    if _has_class_folders(root / "train"):
        train_root = root / "train"
        folders = (root / name for name in _VALIDATION_NAMES)
        held_out = next((folder for folder in folders if _has_class_folders(folder)), None)
    classes = _classes(train_root)
    train = _samples(train_root, classes)
    if held_out is None:
        return ImageFolder(root, classes, train, None)
    if unknown := sorted(set(_classes(held_out)) - set(classes)):
        raise MediaError(
            f"{held_out} has classes that {train_root} has not: {', '.join(unknown)}.",
            "Give the class folders the same names in both.",
        )
    return ImageFolder(root, classes, train, _samples(held_out, classes))


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file()


def _has_class_folders(folder: Path) -> bool:
    """Tells a split called ``train`` from a class of pictures of trains."""
    return folder.is_dir() and any(
        _is_image(path) for inner in folder.iterdir() if inner.is_dir() for path in inner.rglob("*")
    )


def _classes(root: Path) -> tuple[str, ...]:
    folders = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    names = sorted(path.name for path in folders if any(map(_is_image, path.rglob("*"))))
    if not names:
        loose = sum(map(_is_image, root.iterdir()))
        found = f"{loose} images outside any class folder" if loose else "no images"
        raise MediaError(f"{root} has no classes: found {found}.", _LAYOUT)
    if len(names) == 1:
        raise MediaError(
            f"{root} has only one class, {names[0]!r}; telling apart takes at least two.", _LAYOUT
        )
    return tuple(names)


def _samples(root: Path, classes: Sequence[str]) -> tuple[Sample, ...]:
    return tuple(
        Sample(path, label)
        for label, name in enumerate(classes)
        for path in sorted((root / name).rglob("*"))
        if _is_image(path)
    )


def stratified_split(
    labels: np.ndarray, classes: Sequence[str], share: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Splits so that each class is kept aside in the same share, and at least once.

    Args:
        labels: ``(N,) int64``.
        classes: Names of the classes.
        share: Between 0 and 1.
        seed: The same seed and labels give the same split.

    Returns:
        Positions to train on and positions kept aside, each sorted.

    Raises:
        MediaError: A class has fewer than two images.
    """
    kept: list[np.ndarray] = []
    for label, name in enumerate(classes):
        members = np.flatnonzero(labels == label)
        if len(members) < 2:
            raise MediaError(
                f"The class {name!r} has {len(members)} usable image(s); one to train on and one "
                "to keep aside are the least.",
                "Add images, or remove the class.",
            )
        count = min(max(1, round(share * len(members))), len(members) - 1)
        kept.append(generator(seed, "split", name).permutation(members)[:count])
    validation = np.sort(np.concatenate(kept))
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def load_images(
    samples: Sequence[Sample],
    size: int,
    channels: int,
    on_image: Callable[[int], None] = lambda _: None,
) -> tuple[LabelledImages, list[tuple[Path, str]]]:
    """Decodes all images into memory, in several threads; those that cannot be read are left out.

    Args:
        samples: Files and labels.
        size: Side in pixels.
        channels: 1 or 3.
        on_image: Called with 1 after each image.

    Returns:
        The images in the order of the samples, and the files left out with the reason of each.
    """

    def read(sample: Sample) -> np.ndarray | str:
        try:
            return read_square(sample.path, size, channels)
        except UnreadableImage as error:
            return str(error)

    images = np.empty((len(samples), channels, size, size), np.uint8)
    labels: list[int] = []
    skipped: list[tuple[Path, str]] = []
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        for sample, result in zip(samples, pool.map(read, samples), strict=True):
            if isinstance(result, str):
                skipped.append((sample.path, result))
            else:
                images[len(labels)] = result
                labels.append(sample.label)
            on_image(1)
    return LabelledImages(images[: len(labels)], np.array(labels, np.int64)), skipped


def require_every_class(images: LabelledImages, classes: Sequence[str], purpose: str) -> None:
    """Checks that no class is empty.

    Raises:
        MediaError: One is.
    """
    for name, count in count_classes(images.labels, classes).items():
        if count == 0:
            raise MediaError(
                f"The class {name!r} has no usable image {purpose}.",
                "Add images, or remove the class.",
            )


def count_classes(labels: np.ndarray, classes: Sequence[str]) -> dict[str, int]:
    """Number of images of each class, by name."""
    counts = Counter(labels.tolist())
    return {name: counts[label] for label, name in enumerate(classes)}
