"""Image folders: one directory per class, below directories of splits or not."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from classifier.data.dataset import SPLITS, Dataset, Sample
from classifier.data.readers.class_file import CLASS_FILES
from classifier.data.readers.folder_names import composed
from classifier.data.readers.layouts import (
    LAYOUT,
    find_inner_splits,
    find_split_folders,
    only_chain,
    skip_wrappers,
)
from classifier.data.readers.plausibility import require_plausible
from classifier.data.readers.tables import SUFFIXES as LIST_SUFFIXES
from classifier.data.readers.tree import Folder, FolderTree, list_names
from faceswap.core.errors import MediaError
from faceswap.core.text import counted

ClassFiles = Mapping[str, Sequence[Path]]
"""Images by class."""


def open_image_folder(tree: FolderTree, names: tuple[str, ...] | None) -> Dataset:
    """Open an image folder.

    Args:
        tree: Directory of class directories, or of directories named after splits that hold them.
        names: Class names in order; None for the sorted names in the training split.

    Raises:
        MediaError: No images in class directories, a layout that is not one of classes, or classes
            that are not in the training split or in ``names``.
    """
    notes: list[str] = []
    root = skip_wrappers(tree.root, notes)
    folders = find_split_folders(root, tree.root, names, notes)
    if folders:
        holders = [folder for inner in folders.values() for folder in inner]
        for folder in holders:
            require_plausible(folder, tree.root, names)
        files = {split: _merged(map(_classes_of, inner)) for split, inner in folders.items()}
    else:
        _require_classes(root)
        require_plausible(root, tree.root, names)
        inner = only_chain(root)[-1]
        if inner is not root and names is None and not find_inner_splits(root):
            # One class whose directories cannot be of a class, such as cityscapes/leftImg8bit.
            require_plausible(inner, tree.root, names)
        files, holders = _class_files(root), [root]
    notes += _lost_classes(holders, files)
    notes += _loose_images(holders)
    dataset = _as_dataset(tree.root.path, files, names)
    return Dataset(
        tree.root.path, "images", dataset.classes, dataset.splits, notes=(*notes, *tree.notes())
    )


def _as_dataset(
    root: Path, files: Mapping[str, ClassFiles], names: tuple[str, ...] | None
) -> Dataset:
    everything = {name: None for found in files.values() for name in found}
    classes = order_classes(list(files.get("train", everything)), names, root)
    for split, found in files.items():
        if unknown := sorted(set(found) - set(classes)):
            raise MediaError(
                f"The {split} split of {root} has classes that are not in the training split: "
                f"{', '.join(unknown)}.",
                "Use the same class directories in every split.",
            )
    splits = {
        split: tuple(
            Sample(path, label)
            for label, name in enumerate(classes)
            for path in found.get(name, ())
        )
        for split, found in files.items()
    }
    return Dataset(root, "images", classes, splits)


def order_classes(
    found: Sequence[str], names: tuple[str, ...] | None, origin: Path
) -> tuple[str, ...]:
    """Class names in the given order, or sorted.

    Raises:
        MediaError: Classes that are not in ``names``.
    """
    if names is not None:
        if unknown := sorted(set(found) - set(names)):
            raise MediaError(
                f"{origin} has classes that are not in the class file: {', '.join(unknown)}.",
                f"The class file has: {', '.join(names)}.",
            )
        return names
    return tuple(sorted(found))


def _classes_of(folder: Folder) -> dict[str, list[Path]]:
    found: dict[str, list[Path]] = defaultdict(list)
    for name, inner in folder.with_images().items():
        found[composed(name)] += inner.all_images()
    return found


def _class_files(root: Folder) -> dict[str, dict[str, list[Path]]]:
    """Images by split and class, where the splits may be folders in each class."""
    inner = find_inner_splits(root)
    if not inner:
        return {"train": _classes_of(root)}
    files: dict[str, dict[str, list[Path]]] = {
        split: {} for split in SPLITS if split in inner.values()
    }
    for name, folder in root.with_images().items():
        for part, images in folder.with_images().items():
            into = files[inner[part]].setdefault(composed(name), [])
            into += images.all_images()
    return files


def _merged(several: Iterator[ClassFiles]) -> dict[str, list[Path]]:
    files: dict[str, list[Path]] = defaultdict(list)
    for one in several:
        for name, images in one.items():
            files[name] += images
    return files


def _require_classes(root: Folder) -> None:
    if not root.with_images():
        loose = len(root.images)
        what = f"{loose} images outside class directories" if loose else "no images"
        lists = [
            file
            for folder in root.below()
            for file in folder.others
            if file.suffix.lower() in LIST_SUFFIXES and file.name not in CLASS_FILES
        ]
        hint = f"{LAYOUT} Or pass a list, such as {lists[0]}." if lists else LAYOUT
        raise MediaError(f"Expected class directories in {root.path}, found {what}.", hint)


def _lost_classes(holders: Sequence[Folder], files: Mapping[str, ClassFiles]) -> Iterator[str]:
    """A note on class directories without images, which are not classes unless others have them."""
    lost = sorted({name for folder in holders for name in folder.empty_folders()})
    if lost:
        known = {name for found in files.values() for name in found}
        gone = [name for name in lost if composed(name) not in known]
        what = f" (not a class: {list_names(gone, 10)})" if gone else ""
        yield f"No images in {list_names(lost, 10)}{what}."


def _loose_images(holders: Sequence[Folder]) -> Iterator[str]:
    for folder in holders:
        if folder.images:
            yield (
                f"Skipped {counted(len(folder.images), 'image')} in {folder.path} outside the "
                "class directories."
            )
