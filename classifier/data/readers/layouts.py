"""Layouts of class directories: which directories are splits of the data."""

from collections.abc import Sequence

from classifier.data.dataset import SPLITS
from classifier.data.readers.folder_names import find_split, parse_folder_name, splits_among
from classifier.data.readers.tree import Folder, list_names
from faceswap.core.errors import MediaError
from faceswap.core.text import counted

LAYOUT = "Expected DATA/<class>/<images>, or DATA/train/<class>/<images> and DATA/val/..."
AS_CLASSES = "If they are classes, list their names in DATA/classes.txt, one a line."
_CLASS_WORDS = frozenset({"train", "valid"})
"""Names of splits that are also plausible names of classes, beside other classes."""
_COCO = ("_annotations.coco.json",)
_DETECTION = frozenset({".txt", ".xml", ".json"})


def skip_wrappers(folder: Folder, notes: list[str]) -> Folder:
    """Descend through directories that hold one directory and no image, if they say no class.

    Examples are ``seg_train/seg_train/<class>`` and ``DATA/images/<class>``.

    Args:
        folder: Directory to start from.
        notes: Receives a sentence on what was skipped.
    """
    chain = only_chain(folder)
    if len(set(_holders(chain[-1]).values())) > 1:  # an unpacked archive, whatever its name
        below = chain[-1]
    else:
        below = folder
        nested = find_split(folder.path.name) is not None
        for inner in chain[1:]:
            if not _is_wrapper(inner, nested=nested):
                break
            below, nested = inner, True
    if below is not folder:
        notes.append(f"Read from {below.path}, which holds all images.")
    return below


def only_chain(folder: Folder) -> list[Folder]:
    """The directory, the only one in it with images, the only one in that, and so on."""
    chain = [folder]
    while not chain[-1].images and len(inner := chain[-1].with_images()) == 1:
        chain.extend(inner.values())
    return chain


def _is_wrapper(folder: Folder, *, nested: bool) -> bool:
    """Whether a directory that has no siblings is neither a class nor a split of the data."""
    name = folder.path.name
    parsed = parse_folder_name(name)
    if parsed.rest or parsed.kind == "masks" or name.isdecimal() or not folder.with_images():
        return False
    return parsed.split is None or nested


def _holders(folder: Folder) -> dict[str, str]:
    """Directories named after a split that hold class directories, with their splits."""
    inner = folder.with_images()
    splits = splits_among(inner)
    return {name: split for name, split in splits.items() if inner[name].with_images()}


def _inside(folder: Folder) -> Folder:
    return skip_wrappers(folder, [])


def find_split_folders(
    root: Folder, top: Folder, names: Sequence[str] | None, notes: list[str]
) -> dict[str, list[Folder]]:
    """Directories of class directories, by split; empty if the directories are classes.

    Args:
        root: Directory of splits or of classes.
        top: Directory passed by the user, for messages.
        names: Names of the class file, which may declare a directory such as ``train`` a class.
        notes: Receives sentences on directories that were skipped.

    Raises:
        MediaError: Directories named after splits hold no class directories, or lie beside others.
    """
    inner = root.with_images()
    splits = splits_among(inner)
    if not splits or (names is not None and set(splits) <= set(names)):
        return {}
    holders, others = _holders(root), [name for name in inner if name not in splits]
    distinct = set(splits.values())
    holders = {n: split for n, split in holders.items() if _inside(inner[n]).with_images()}
    if not holders:
        if others and len(splits) == 1 and next(iter(splits)).lower() in _CLASS_WORDS:
            return {}
        raise MediaError(
            f"{listed(splits)} in {root.path} look like splits, but hold no class directories"
            f"{labels_hint(top)}.",
            f"{LAYOUT} Sort the images into classes, or write a list with the columns path, label "
            f"and split. {AS_CLASSES}",
        )
    if others and len(distinct) == 1:
        raise MediaError(
            f"{root.path} mixes a split ({listed(splits)}) and other directories "
            f"({list_names(others)}).",
            f"{LAYOUT} Move the others away, or move them into a split. {AS_CLASSES}",
        )
    loose = [name for name in splits if name not in holders]
    if any(splits[name] == "train" for name in loose):
        raise MediaError(
            f"The training images in {root.path} ({listed(loose)}) are not in class directories.",
            LAYOUT,
        )
    if skipped := [*loose, *others]:
        count = sum(len(inner[name].all_images()) for name in skipped)
        why = "not splits with class directories"
        notes.append(f"Skipped {counted(count, 'image')} in {listed(skipped)}: {why}.")
    if any(name.lower() not in (split, "val") for name, split in holders.items()):
        named = ", ".join(f"{name}/ is {split}" for name, split in holders.items())
        notes.append(f"Splits: {named}.")
    return {
        split: [_inside(inner[name]) for name, found in holders.items() if found == split]
        for split in SPLITS
        if split in holders.values()
    }


def find_inner_splits(root: Folder) -> dict[str, str]:
    """Splits of the directories in every class directory; empty if they are no splits.

    Raises:
        MediaError: Some class directories hold splits, others do not.
    """
    divided: dict[str, str] = {}
    plain: list[str] = []
    for name, folder in root.with_images().items():
        inner = folder.with_images()
        splits = {part: split for part in inner if (split := find_split(part)) is not None}
        if splits and len(splits) == len(inner) and not folder.images:
            divided |= splits
        else:
            plain.append(name)
    if len(set(divided.values())) < 2:
        return {}
    if plain:
        raise MediaError(
            f"Some class directories of {root.path} hold splits ({listed(divided)}), others do "
            f"not ({list_names(plain)}).",
            "Give every class the same splits, or use DATA/train/<class>/<images>.",
        )
    return divided


def labels_hint(top: Folder) -> str:
    """A clause on labels of object detection beside the images; empty if there are none."""
    files = [file for folder in top.below() for file in folder.others]
    if coco := [file for file in files if file.name.lower().endswith(_COCO)]:
        return f"; {coco[0]} is a file of object detection (COCO), which is not supported"
    for folder in top.below():
        if parse_folder_name(folder.path.name).kind == "masks":
            files = [file for inner in folder.below() for file in inner.others]
            suffixes = {file.suffix.lower() for file in files} & _DETECTION
            if suffixes:
                return (
                    f"; {folder.path} holds {', '.join(sorted(suffixes))} files, as for object "
                    "detection (YOLO, VOC), which is not supported"
                )
    return ""


def listed(names: Sequence[str] | dict[str, str]) -> str:
    """Names of directories, with a slash at the end of each."""
    return list_names([f"{name}/" for name in names])
