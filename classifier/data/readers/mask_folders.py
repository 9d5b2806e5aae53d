"""Directories of images and masks (semantic segmentation)."""

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np

from classifier.data.dataset import IGNORE_INDEX, Dataset, MaskCode, Sample
from classifier.data.images import UnreadableImage
from classifier.data.readers.class_file import ClassNames
from classifier.data.readers.folder_names import find_split, parse_folder_name
from classifier.data.readers.masks import open_mask
from classifier.data.readers.tree import Folder, FolderTree
from faceswap.core.errors import MediaError
from faceswap.core.text import counted

_LAYOUT = (
    "Expected images/ and masks/ with files of the same names (also below train/, val/ and test/), "
    "or train/ and trainannot/, val/ and valannot/."
)
# Added to the name of an image in the names of its masks: x_mask, x_L (CamVid).
_ENDINGS = re.compile(r"[-_. ](masks?|l|labels?|labelids|gt|seg(mentation)?|annot(ation)?)$", re.I)


def bare_stem(path: Path) -> str:
    """Name of an image or mask without suffix and without an ending such as ``_mask``."""
    return _ENDINGS.sub("", path.stem)


def is_mask_name(path: Path) -> bool:
    """Whether a file name ends with a word for masks, such as ``_mask`` or ``_seg``."""
    found = _ENDINGS.search(path.stem)
    return found is not None and found[1].lower() != "l"


@dataclass(frozen=True)
class FolderPair:
    """Directories of images and of their masks.

    Attributes:
        images: Directory of images.
        masks: Directory of masks.
        split: Split in the names of both, or None.
    """

    images: Folder
    masks: Folder
    split: str | None


def find_mask_folders(root: Folder) -> list[FolderPair]:
    """Find pairs of image and mask directories, such as images/ and masks/, train/ and trainannot/.

    Raises:
        MediaError: Several directories of masks belong to one of images, or the reverse.
    """
    pairs: list[FolderPair] = []
    waiting = [root]
    while waiting:
        folder = waiting.pop(0)
        found = _pairs_in(folder)
        pairs += found
        taken = {inner.path for pair in found for inner in (pair.images, pair.masks)}
        waiting += [inner for inner in folder.with_images().values() if inner.path not in taken]
    # The seeded split depends on the order of the samples.
    top = [pair for pair in pairs if pair.images.path == root.path / "images"]
    return top + sorted((p for p in pairs if p not in top), key=lambda pair: pair.images.path)


def _pairs_in(parent: Folder) -> list[FolderPair]:
    sides: dict[tuple[object, ...], dict[str, list[Folder]]] = defaultdict(
        lambda: {"images": [], "masks": []}
    )
    for name, folder in parent.with_images().items():
        parsed = parse_folder_name(name)
        kind = parsed.kind or ("images" if parsed.split else None)
        if kind:
            sides[parsed.split, parsed.rest][kind].append(folder)
    pairs: list[FolderPair] = []
    for (split, _), found in sides.items():
        images, masks = found["images"], found["masks"]
        if not images or not masks:
            continue
        if len(images) > 1 or len(masks) > 1:
            listed = ", ".join(f"{folder.path.name}/" for folder in (*images, *masks))
            raise MediaError(
                f"Expected one directory of images and one of masks in {parent.path}, found "
                f"{listed}.",
                "Move the others away, or write a list with the columns path and mask.",
            )
        pairs.append(FolderPair(images[0], masks[0], cast("str | None", split)))
    return pairs


def open_mask_folders(
    tree: FolderTree, pairs: Sequence[FolderPair], names: ClassNames | None
) -> Dataset:
    """Open directories of images and masks, paired by file name.

    Splits come from the names of the directories above, of or in a pair.

    Args:
        tree: Directory passed by the user.
        pairs: Result of ``find_mask_folders``.
        names: Classes; None for the values in the masks.

    Raises:
        MediaError: No image has a mask, some images lie outside the splits, or the masks have fewer
            than two classes.
    """
    root = tree.root.path
    by_split: dict[str | None, list[Sample]] = defaultdict(list)
    alone: list[Path] = []
    for pair in pairs:
        paired, unpaired = _pair(pair)
        for sample in paired:
            by_split[_split_of(sample.path, root, pair)].append(sample)
        alone += unpaired
    if not by_split:
        raise MediaError(f"No image of {root} has a mask.", _LAYOUT)
    if None in by_split and len(by_split) > 1:
        raise MediaError(
            f"Some images of {root} are in directories of splits "
            f"({', '.join(sorted(filter(None, by_split)))}), others are not, such as "
            f"{by_split[None][0].path}.",
            f"{_LAYOUT} Or write a list with the columns path, mask and split.",
        )
    splits = {split or "train": tuple(samples) for split, samples in by_split.items()}
    notes: list[str] = []
    if alone:
        notes.append(f"Skipped {counted(len(alone), 'image')} without a mask, such as {alone[0]}.")
    notes += _outside(tree, pairs)
    return with_codes(Dataset(root, "pixels", (), splits, notes=(*notes, *tree.notes())), names)


def _outside(tree: FolderTree, pairs: Sequence[FolderPair]) -> list[str]:
    """A note on images that lie in no pair of directories."""
    sides = [side for pair in pairs for side in (pair.images, pair.masks)]
    read = {folder.path for side in sides for folder in side.below()}
    outside = [i for folder in tree.root.below() if folder.path not in read for i in folder.images]
    if not outside:
        return []
    return [
        f"Skipped {counted(len(outside), 'image')} outside the directories of images and masks, "
        f"such as {tree.short(outside[0])}."
    ]


def _split_of(image: Path, root: Path, pair: FolderPair) -> str | None:
    folders = image.relative_to(root).parts[:-1]
    named = {find_split(name) for name in folders} | {pair.split}
    found = sorted(filter(None, named))
    if len(found) > 1:
        raise MediaError(
            f"The path of {image} names the splits {' and '.join(found)}.",
            "Use one directory of a split for each image.",
        )
    return found[0] if found else None


def _pair(pair: FolderPair) -> tuple[list[Sample], list[Path]]:
    """Samples, and images without a mask."""
    image_folder, mask_folder = _unwrapped(pair.images), _unwrapped(pair.masks)
    masks = mask_folder.all_images()
    by_name = {_key(path, mask_folder.path): path for path in masks}
    # Whole names come first: an image x_l.png with a mask x_l.png is not the mask of x.png.
    by_ending = {_ENDINGS.sub("", _key(path, mask_folder.path)): path for path in masks}
    samples: list[Sample] = []
    alone: list[Path] = []
    for path in image_folder.all_images():
        name = _key(path, image_folder.path)
        mask = by_name.get(name) or by_ending.get(name)
        if mask is None:
            alone.append(path)
        else:
            samples.append(Sample(path, -1, mask))
    return samples, alone


def _unwrapped(folder: Folder) -> Folder:
    """The folder, or the only one in it if that has such a name, too: ``images/images``."""
    kind = parse_folder_name(folder.path.name).kind
    while not folder.images and len(inner := folder.with_images()) == 1:
        ((name, only),) = inner.items()
        parsed = parse_folder_name(name)
        if name != folder.path.name and (parsed.kind != kind or parsed.split or parsed.rest):
            break
        folder = only
    return folder


def _key(path: Path, folder: Path) -> str:
    """Path below a directory without suffix; a split in it is the same under all its names."""
    *folders, _ = path.relative_to(folder).parts
    return "/".join([*(find_split(name) or name for name in folders), path.stem])


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
