"""Directories of images and masks (semantic segmentation)."""

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from classifier.data.dataset import IGNORE_INDEX, Dataset, MaskCode, Sample
from classifier.data.images import UnreadableImage, is_image
from classifier.data.readers.class_file import ClassNames
from classifier.data.readers.image_folders import SPLIT_NAMES
from classifier.data.readers.masks import open_mask
from faceswap.core.errors import MediaError

_LAYOUT = (
    "Expected images/ and masks/ with files of the same names (also below train/, val/ and test/), "
    "or train/ and trainannot/, val/ and valannot/."
)

Pair = tuple[Path, Path]


def find_mask_folders(root: Path) -> dict[str, list[Pair]]:
    """Find pairs of image and mask directories, by split; empty if there are none."""
    pairs: dict[str, list[Pair]] = defaultdict(list)
    for name, split in SPLIT_NAMES.items():
        if (root / name).is_dir() and (root / f"{name}annot").is_dir():
            pairs[split].append((root / name, root / f"{name}annot"))
    if pairs:
        return dict(pairs)
    for images in sorted([root / "images", *root.rglob("images")]):
        masks = images.parent / "masks"
        if images.is_dir() and masks.is_dir() and (images, masks) not in pairs["train"]:
            pairs["train"].append((images, masks))
    return _by_split(root, pairs["train"]) if pairs["train"] else {}


def _by_split(root: Path, pairs: Sequence[Pair]) -> dict[str, list[Pair]]:
    """Group pairs by split, if every top-level directory is named after one."""
    names = [images.relative_to(root).parts[0] for images, _ in pairs]
    found = [SPLIT_NAMES.get(name) for name in names]
    if "train" not in found or None in found:
        return {"train": list(pairs)}
    splits: dict[str, list[Pair]] = defaultdict(list)
    for split, pair in zip(found, pairs, strict=True):
        splits[str(split)].append(pair)
    return dict(splits)


def open_mask_folders(
    root: Path, folders: Mapping[str, Sequence[Pair]], names: ClassNames | None
) -> Dataset:
    """Open directories of images and masks, paired by file name.

    Args:
        root: Directory passed by the user.
        folders: Result of ``find_mask_folders``.
        names: Classes; None for the values in the masks.

    Raises:
        MediaError: No training image has a mask, or the masks have fewer than two classes.
    """
    splits: dict[str, tuple[Sample, ...]] = {}
    alone: list[Path] = []
    for split, pairs in folders.items():
        samples: list[Sample] = []
        for images, masks in pairs:
            paired, unpaired = _pair(images, masks)
            samples += paired
            alone += unpaired
        splits[split] = tuple(samples)
    if not splits.get("train"):
        raise MediaError(f"No training image of {root} has a mask.", _LAYOUT)
    notes = ()
    if alone:
        notes = (f"Skipped {len(alone)} images without a mask, such as {alone[0]}.",)
    return with_codes(Dataset(root, "pixels", (), splits, notes=notes), names)


def _pair(images: Path, masks: Path) -> tuple[list[Sample], list[Path]]:
    by_name = {
        path.relative_to(masks).with_suffix("").as_posix(): path
        for path in sorted(masks.rglob("*"))
        if is_image(path)
    }
    found = [path for path in sorted(images.rglob("*")) if is_image(path)]
    names = [path.relative_to(images).with_suffix("").as_posix() for path in found]
    paired = [
        Sample(path, -1, by_name[name])
        for path, name in zip(found, names, strict=True)
        if name in by_name
    ]
    alone = [path for path, name in zip(found, names, strict=True) if name not in by_name]
    return paired, alone


def with_codes(dataset: Dataset, names: ClassNames | None) -> Dataset:
    """Set the classes of a data set, and the mask encoding of its samples.

    Raises:
        MediaError: Without ``names``, the masks are coloured or have fewer than two values.
    """
    classes, code, ignore_index = (
        (names.names, names.code, names.ignore_index) if names else _from_values(dataset)
    )
    splits = {
        split: tuple(replace(sample, code=code) for sample in samples)
        for split, samples in dataset.splits.items()
    }
    return replace(dataset, classes=classes, splits=splits, ignore_index=ignore_index)


def _from_values(dataset: Dataset) -> tuple[tuple[str, ...], MaskCode, int | None]:
    """Classes from 0 to the highest value in the masks; reads every mask."""
    masks = sorted({sample.mask for sample in dataset.samples if sample.mask})
    with ThreadPoolExecutor(min(16, os.cpu_count() or 1)) as pool:
        found = [value for values in pool.map(_values, masks) for value in values]
    values = sorted(set(found) - {IGNORE_INDEX})
    if len(values) < 2:
        held = ", ".join(map(str, sorted(set(found)))) or "no readable values"
        raise MediaError(
            f"Expected class indices (at least 0 and 1) in the masks of {dataset.root}, with "
            f"{IGNORE_INDEX} for unlabelled pixels; found {held}.",
            "For other values (such as 0 and 255), add a classes.csv with index and name.",
        )
    count = values[-1] + 1
    code = MaskCode(tuple((value, value) for value in range(count)))
    return tuple(map(str, range(count))), code, IGNORE_INDEX if IGNORE_INDEX in found else None


def _values(mask: Path) -> list[int]:
    try:
        written = open_mask(mask)
    except UnreadableImage:
        return []  # reported by load_images
    if written.ndim == 3:
        if (written != written[..., :1]).any():
            raise MediaError(
                f"The mask {mask} is in colour, but the classes of the colours are unknown.",
                "Add a classes.csv with the columns index, name and colour to the directory.",
            )
        written = written[..., 0]
    return np.unique(written).tolist()
