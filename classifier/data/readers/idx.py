"""The idx format of MNIST (LeCun, Cortes and Burges, 1998): all images in one archive."""

import gzip
import io
import math
import re
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from classifier.data.dataset import Dataset, Sample
from faceswap.core.documents import size_limit, too_large
from faceswap.core.errors import MediaError
from faceswap.core.files import regular_file
from faceswap.core.text import counted

_IMAGES = re.compile(r"(?P<set>.*?)[-.]?images[-.]idx3-ubyte(?P<gz>\.gz)?$")
_LABELS = re.compile(r"(?P<set>.*?)[-.]?labels[-.]idx1-ubyte(?P<gz>\.gz)?$")
_HINT = "Expected pairs such as train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz."
_AGAIN = "Download the file again."
_UNSIGNED_BYTES = 0x08
_MOST_BYTES = 1 << 30


def is_idx(path: Path) -> bool:
    """Whether a file is named like an idx archive of images or labels."""
    return bool(_IMAGES.match(path.name) or _LABELS.match(path.name)) and path.is_file()


def read_idx(path: Path, dimensions: int) -> NDArray[np.uint8]:
    """Read an idx file of unsigned bytes.

    Args:
        path: File, gzip-compressed if its name ends in ``.gz``.
        dimensions: 3 for images ``(N, H, W)``, 1 for labels ``(N,)``.

    Raises:
        MediaError: Wrong magic number, number of dimensions, or length; or too large.
    """
    try:
        with _open(regular_file(path)) as file:
            return _read_values(file, path, dimensions)
    except (OSError, EOFError, zlib.error) as error:
        raise MediaError(f"{path} cannot be read: {error}.", _AGAIN) from error


def _open(path: Path) -> io.BufferedIOBase:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _read_values(file: io.BufferedIOBase, path: Path, dimensions: int) -> NDArray[np.uint8]:
    magic, found = bytes([0, 0, _UNSIGNED_BYTES, dimensions]), file.read(4)
    if found != magic:
        raise MediaError(
            f"Expected an idx file with {counted(dimensions, 'dimension')}, magic number "
            f"{magic.hex()}; {path} starts with {found.hex() or 'nothing'}.",
            _HINT,
        )
    header = file.read(4 * dimensions)
    if len(header) < 4 * dimensions:
        raise MediaError(f"{path} is truncated: incomplete header.", _AGAIN)
    shape = tuple(int(side) for side in np.frombuffer(header, ">u4"))
    size, limit = math.prod(shape), size_limit(_MOST_BYTES)
    if size > limit:
        raise too_large(path, limit, MediaError)
    data = file.read(size + 1)  # no more, however much a small compressed file holds
    if len(data) != size:
        held = f"{len(data)}" if len(data) < size else "more"
        raise MediaError(f"Expected {size} bytes of shape {shape} in {path}, found {held}.", _AGAIN)
    return np.frombuffer(data, np.uint8).reshape(shape)


@lru_cache(maxsize=2)
def _archive(path: Path, _changed: int) -> NDArray[np.uint8]:
    return read_idx(path, 3)


def open_archive(path: Path) -> NDArray[np.uint8]:
    """``(N, H, W) uint8`` images of an archive; the last two archives are cached."""
    return _archive(path, path.stat().st_mtime_ns)


def open_idx(path: Path, names: tuple[str, ...] | None) -> Dataset:
    """Open a directory of idx pairs, or the pair of one file.

    Args:
        path: Directory, or one file of a pair.
        names: Class names of the labels 0, 1, ...; None to use the labels as names.

    Raises:
        MediaError: A file is missing or malformed, or the numbers of images and labels differ.
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
                    f"Expected one archive for the split {split!r} in {folder}, found "
                    f"{splits[split][0].name} and {images.name}.",
                    "Pass one of the files instead of the directory.",
                )
            splits[split] = (images, _labels_of(images))
    if not splits:
        raise MediaError(f"Expected idx images in {path}, found only labels.", _HINT)
    if len(splits) == 1:  # a test archive passed alone is the whole data set
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
    assert match, "checked by is_idx"
    return match["set"]


def _labels_of(images: Path) -> NDArray[np.uint8]:
    same = [
        file
        for file in sorted(images.parent.iterdir())
        if (match := _LABELS.match(file.name)) and match["set"] == _set_of(images)
    ]
    if not same:
        raise MediaError(f"No labels found for {images}.", _HINT)
    labels, count = read_idx(same[0], 1), len(open_archive(images))
    if len(labels) != count:
        raise MediaError(
            f"{images.name} has {count} images, but {same[0].name} has {len(labels)} labels.",
            "Download both files again, from the same source.",
        )
    return labels


def _names(present: list[int], names: tuple[str, ...] | None, path: Path) -> tuple[str, ...]:
    if len(present) < 2:
        raise MediaError(f"Expected at least two classes in {path}, found {len(present)}.")
    if names is None:
        return tuple(map(str, present))
    if present[-1] >= len(names):
        raise MediaError(
            f"{path} has labels up to {present[-1]}, but the class file has {len(names)} names.",
            "List every class, starting with label 0.",
        )
    return tuple(names[label] for label in present)
