"""Image folders: a class is a folder."""

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
"""What splits are called in folders and lists."""

_LAYOUT = "Expected DATA/<class>/<images>, or DATA/train/<class>/<images> and DATA/val/..."
_FOLDER_SPLITS = ("train", "val", "valid", "validation", "test")


def composed(name: str) -> str:
    """A name in Unicode's composed form: macOS writes é as two characters, others as one."""
    return unicodedata.normalize("NFC", name)


def open_image_folder(root: Path, names: tuple[str, ...] | None) -> Dataset:
    """Finds the classes and files of an image folder.

    Args:
        root: Folder of class folders, or of ``train/``, ``val/`` and ``test/`` with those.
        names: The classes in order; None: all that training has, sorted.

    Raises:
        MediaError: It holds no images in class folders, fewer than two classes, or classes that
            training or ``names`` do not have.
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
                f"{folders[split]} has classes that training has not: {', '.join(unknown)}.",
                "Give the class folders the same names everywhere.",
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
    notes = (f"{loose} images in {root} lie outside any class folder.",) if loose else ()
    return Dataset(root, "images", classes, splits, notes=notes)


def order_classes(
    found: Sequence[str], names: tuple[str, ...] | None, origin: Path
) -> tuple[str, ...]:
    """Classes in the order the user gave, or sorted.

    Raises:
        MediaError: There are fewer than two, or some that the user did not name.
    """
    if names is not None:
        if unknown := sorted(set(found) - set(names)):
            raise MediaError(
                f"{origin} has classes that the file of classes does not name: "
                f"{', '.join(unknown)}.",
                f"It names: {', '.join(names)}.",
            )
        return names
    if len(found) == 1:
        raise MediaError(
            f"{origin} has only one class, {found[0]!r}; telling apart takes at least two.",
            "Add images of another class.",
        )
    return tuple(sorted(found))


def _class_folders(folder: Path) -> dict[str, list[Path]]:
    """Images by class; empty for a class of pictures of trains that is called ``train``."""
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
    what = f"{loose} images outside any class folder" if loose else "no images"
    raise MediaError(f"{root} has no classes: found {what}.", _LAYOUT)
