"""The idx format of MNIST (LeCun, Cortes and Burges, 1998): all images in one file."""

import gzip
import math
import re
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import Dataset, Sample
from faceswap.core.errors import MediaError

_IMAGES = re.compile(r"(?P<set>.*?)[-.]?images[-.]idx3-ubyte(?P<gz>\.gz)?$")
_LABELS = re.compile(r"(?P<set>.*?)[-.]?labels[-.]idx1-ubyte(?P<gz>\.gz)?$")
_HINT = "Expected pairs such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz."
_UNSIGNED_BYTES = 0x08


def is_idx(path: Path) -> bool:
    """Whether a file is called like images or labels in idx format."""
    return bool(_IMAGES.match(path.name) or _LABELS.match(path.name)) and path.is_file()


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Reads an idx file of bytes, exactly.

    Args:
        path: File, gzipped where its name ends in ``.gz``.
        dimensions: 3 for images ``(N, H, W)``, 1 for labels ``(N,)``.

    Raises:
        MediaError: Magic number, dimensions or length are not what they should be.
    """
    try:
        data = path.read_bytes()
        data = gzip.decompress(data) if path.suffix == ".gz" else data
    except (OSError, EOFError, zlib.error) as error:
        raise MediaError(f"{path} cannot be read: {error}.", "Get the file anew.") from error
    magic = bytes([0, 0, _UNSIGNED_BYTES, dimensions])
    if data[:4] != magic:
        raise MediaError(
            f"{path} is not idx with {dimensions} dimension(s): it begins with "
            f"{data[:4].hex() or 'nothing'}, expected {magic.hex()}.",
            _HINT,
        )
    start = 4 + 4 * dimensions
    if len(data) < start:
        raise MediaError(f"{path} ends within its header.", "Get the file anew.")
    shape = tuple(int(side) for side in np.frombuffer(data, ">u4", dimensions, 4))
    if len(data) - start != math.prod(shape):
        raise MediaError(
            f"{path} should hold {math.prod(shape)} bytes {shape}, but holds {len(data) - start}.",
            "Get the file anew.",
        )
    return np.frombuffer(data, np.uint8, offset=start).reshape(shape)


@lru_cache(maxsize=2)
def _archive(path: Path, _changed: int) -> NDArray[np.uint8]:
    return read_idx(path, 3)


def open_archive(path: Path) -> NDArray[np.uint8]:
    """``(N, H, W) uint8`` images of a file; the last two files are kept in memory."""
    return _archive(path, path.stat().st_mtime_ns)


def open_idx(path: Path, names: tuple[str, ...] | None) -> Dataset:
    """Opens a folder of idx pairs, or the pair that a file belongs to.

    Args:
        path: Folder or file.
        names: Names of the labels, from 0; None: the numbers.

    Raises:
        MediaError: A file is missing or malformed, or images and labels differ in number.
    """
    folder = path if path.is_dir() else path.parent
    only = None if path.is_dir() else _set_of(path)
    splits: dict[str, tuple[Path, NDArray[np.uint8]]] = {}
    for images in sorted(file for file in folder.iterdir() if _IMAGES.match(file.name)):
        name = _set_of(images)
        if only is None or name == only:
            split = "test" if re.search("t10k|test", name) else "train"
            if split in splits:
                raise MediaError(
                    f"{folder} holds several sets to {split} on: {splits[split][0].name} and "
                    f"{images.name}.",
                    "Name one of the files instead of the folder.",
                )
            splits[split] = (images, _labels_of(images))
    if not splits:
        raise MediaError(f"{path} has labels in idx format but no images.", _HINT)
    if len(splits) == 1:  # a test set that is named alone is all there is
        splits = {"train": next(iter(splits.values()))}
    present = sorted({int(label) for _, labels in splits.values() for label in np.unique(labels)})
    classes = _names(present, names, path)
    number = {label: position for position, label in enumerate(present)}
    samples = {
        split: tuple(
            Sample(images, number[int(label)], index=index) for index, label in enumerate(labels)
        )
        for split, (images, labels) in splits.items()
    }
    return Dataset(path, "images", classes, samples)


def _set_of(path: Path) -> str:
    match = _IMAGES.match(path.name) or _LABELS.match(path.name)
    assert match, "is_idx was asked before"
    return match["set"]


def _labels_of(images: Path) -> NDArray[np.uint8]:
    same = [
        file
        for file in sorted(images.parent.iterdir())
        if (match := _LABELS.match(file.name)) and match["set"] == _set_of(images)
    ]
    if not same:
        raise MediaError(f"{images} has no labels beside it.", _HINT)
    labels, count = read_idx(same[0], 1), len(open_archive(images))
    if len(labels) != count:
        raise MediaError(
            f"{images.name} holds {count} images, but {same[0].name} {len(labels)} labels.",
            "Get both files anew, from the same place.",
        )
    return labels


def _names(present: list[int], names: tuple[str, ...] | None, path: Path) -> tuple[str, ...]:
    if len(present) < 2:
        raise MediaError(f"{path} has {len(present)} class; telling apart takes at least two.")
    if names is None:
        return tuple(map(str, present))
    if present[-1] >= len(names):
        raise MediaError(
            f"{path} has labels up to {present[-1]}, but the file of classes {len(names)} names.",
            "Name every class, beginning with that of label 0.",
        )
    return tuple(names[label] for label in present)
