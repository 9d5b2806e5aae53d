"""Detect the format of a data set and open it."""

import re
from dataclasses import replace
from pathlib import Path

from classifier.data.dataset import Dataset, Sample
from classifier.data.readers.class_file import find_class_file, read_class_file
from classifier.data.readers.idx import is_idx, open_idx
from classifier.data.readers.image_folders import open_image_folder
from classifier.data.readers.lists import open_list
from classifier.data.readers.mask_folders import find_mask_folders, open_mask_folders
from classifier.data.readers.tables import SUFFIXES as LIST_SUFFIXES
from classifier.data.readers.tree import read_tree
from faceswap.core.errors import ConfigError, MediaError

_KINDS = (
    "Expected a directory of class directories, of images/ and masks/, or of idx files, or a list "
    "(.csv, .parquet)."
)


def open_dataset(path: Path, group: str = "", classes: Path | None = None) -> Dataset:
    """Open a data set; its format is detected from its contents.

    Args:
        path: Image folder, directory of images and masks, CSV or Parquet list, or idx files.
        group: Regular expression with one capture group; samples whose file names match with
            the same text form a group. Lists may have a column ``group`` instead.
        classes: Class file (``.txt``, or ``.csv`` with index, name and colour); None for
            ``classes.csv`` or ``classes.txt`` in the directory, if there is one.

    Raises:
        MediaError: Missing, of unknown format, or malformed.
        ConfigError: ``group`` is invalid or does not have exactly one capture group.
    """
    pattern = _pattern(group)
    if not path.exists():
        raise MediaError(f"No such file or directory: {path}.", _KINDS)
    dataset = _open(path, classes or find_class_file(path))
    return dataset if pattern is None else _grouped(dataset, pattern)


def _open(path: Path, class_file: Path | None) -> Dataset:
    named = read_class_file(class_file) if class_file else None
    names = named.names if named else None
    if path.is_file():
        if is_idx(path):
            return open_idx(path, names)
        if path.suffix.lower() in LIST_SUFFIXES:
            return open_list(path, named)
        raise MediaError(f"{path} is not a supported data set.", _KINDS)
    if any(map(is_idx, path.iterdir())):
        return open_idx(path, names)
    tree = read_tree(path)
    if pairs := find_mask_folders(tree.root):
        return open_mask_folders(tree, pairs, named)
    return open_image_folder(tree, names)


def _pattern(group: str) -> re.Pattern[str] | None:
    if not group:
        return None
    try:
        pattern = re.compile(group)
    except re.error as error:
        raise ConfigError(f"data.group {group!r} is not a regular expression: {error}.") from error
    if pattern.groups != 1:
        raise ConfigError(
            f"Expected one capture group in data.group, found {pattern.groups} in {group!r}.",
            r"For file names such as anna_0012.jpg, use '^([a-z]+)_'.",
        )
    return pattern


def _grouped(dataset: Dataset, pattern: re.Pattern[str]) -> Dataset:
    """Set the group of samples without one whose file name matches."""

    def group(sample: Sample) -> Sample:
        match = None if sample.group else pattern.search(sample.path.name)
        return replace(sample, group=match[1] or "") if match else sample

    splits = {split: tuple(map(group, samples)) for split, samples in dataset.splits.items()}
    if not any(sample.group for samples in splits.values() for sample in samples):
        raise ConfigError(
            f"data.group {pattern.pattern!r} matches no file name in {dataset.root}.",
            f"The first file name is {dataset.samples[0].path.name}.",
        )
    return replace(dataset, splits=splits)
