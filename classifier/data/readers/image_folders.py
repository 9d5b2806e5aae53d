"""Image folders: one directory per class."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from classifier.data.dataset import Dataset, Sample
from classifier.data.images import is_image
from faceswap.core.errors import MediaError

SPLIT_NAMES = {
    "train": "train",
    "training": "train",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}
"""Split of each accepted directory or column value."""

_LAYOUT = "Expected DATA/<class>/<images>, or DATA/train/<class>/<images> and DATA/val/..."
_FOLDER_SPLITS = ("train", "val", "valid", "validation", "test")


def composed(name: str) -> str:
    """Normalise a name to Unicode NFC; macOS file systems decompose accented characters."""
    return unicodedata.normalize("NFC", name)


def open_image_folder(root: Path, names: tuple[str, ...] | None) -> Dataset:
    """Open an image folder.

    Args:
        root: Directory of class directories, or of ``train/``, ``val/`` and ``test/``.
        names: Class names in order; None for the sorted names in the training split.

    Raises:
        MediaError: No images in class directories, fewer than two classes, or classes that are
            not in the training split or in ``names``.
    """
    folders = {"train": root}
    if _class_folders(root / "train"):
        found = (name for name in _FOLDER_SPLITS if _class_folders(root / name))
        folders = {}
        for name in found:
            folders.setdefault(SPLIT_NAMES[name], root / name)
    files = {split: _class_folders(folder) for split, folder in folders.items()}
    classes = order_classes(_require_classes(folders["train"], files["train"]), names, root)
    for split, found in files.items():
        if unknown := sorted(set(found) - set(classes)):
            raise MediaError(
                f"{folders[split]} has classes that are not in the training split: "
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
    loose = sum(map(is_image, root.iterdir()))
    notes = (f"Skipped {loose} images in {root} outside the class directories.",) if loose else ()
    return Dataset(root, "images", classes, splits, notes=notes)


def order_classes(
    found: Sequence[str], names: tuple[str, ...] | None, origin: Path
) -> tuple[str, ...]:
    """Class names in the given order, or sorted.

    Raises:
        MediaError: Fewer than two classes, or classes that are not in ``names``.
    """
    if names is not None:
        if unknown := sorted(set(found) - set(names)):
            raise MediaError(
                f"{origin} has classes that are not in the class file: {', '.join(unknown)}.",
                f"The class file has: {', '.join(names)}.",
            )
        return names
    if len(found) == 1:
        raise MediaError(
            f"Expected at least two classes in {origin}, found only {found[0]!r}.",
            "Add images of another class.",
        )
    return tuple(sorted(found))


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    """Images by class; empty if ``folder`` is itself a class directory (named ``train``, say)."""
    found: dict[str, list[Path]] = defaultdict(list)
    if not folder.is_dir():
        return found
    for inner in sorted(folder.iterdir()):
        if inner.is_dir() and not inner.name.startswith("."):
            images = sorted(path for path in inner.rglob("*") if is_image(path))
            if images:
                found[composed(inner.name)] += images
    return found


def _require_classes(root: Path, found: dict[str, list[Path]]) -> list[str]:
    if found:
        return list(found)
    loose = sum(map(is_image, root.iterdir()))
    what = f"{loose} images outside class directories" if loose else "no images"
    raise MediaError(f"Expected class directories in {root}, found {what}.", _LAYOUT)
