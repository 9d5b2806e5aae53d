"""Layouts of class directories: which directories are splits, and which cannot be classes."""

from collections import defaultdict
from collections.abc import Sequence

from classifier.data.dataset import SPLITS
from classifier.data.readers.folder_names import find_split, parse_folder_name, splits_among
from classifier.data.readers.tree import Folder, list_names
from faceswap.core.errors import MediaError
from faceswap.core.text import counted

LAYOUT = "Expected DATA/<class>/<images>, or DATA/train/<class>/<images> and DATA/val/..."
_AS_CLASSES = "If they are classes, list their names in DATA/classes.txt, one a line."
_CLASS_WORDS = frozenset({"train", "valid"})
"""Names of splits that are also plausible names of classes, beside other classes."""
_IMAGE_FOLDERS = frozenset({"image", "images", "img", "imgs", "jpegimages", "jpegs"})
_LABEL_FOLDERS = frozenset(
    {"label", "labels", "annotation", "annotations", "annot", "annots", "groundtruth", "gt"}
    | {"masks", "trimaps", "segmentations"}
)
_FOLD_WORDS = frozenset({"fold", "folds", "part", "split", "batch", "subset", "cv", "k"})
_DETECTION = frozenset({".txt", ".xml", ".json"})


def skip_wrappers(folder: Folder, notes: list[str]) -> Folder:
    """Descend through directories that hold one directory and no image, if they say no class.

    Examples are ``seg_train/seg_train/<class>`` and ``DATA/images/<class>``.

    Args:
        folder: Directory to start from.
        notes: Receives a sentence on what was skipped.
    """
    chain = _chain(folder)
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


def _chain(folder: Folder) -> list[Folder]:
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
            f"{_listed(splits)} in {root.path} look like splits, but hold no class directories"
            f"{_labels_hint(top)}.",
            f"{LAYOUT} Sort the images into classes, or write a list with the columns path, label "
            f"and split. {_AS_CLASSES}",
        )
    if others and len(distinct) == 1:
        raise MediaError(
            f"{root.path} mixes a split ({_listed(splits)}) and other directories "
            f"({list_names(others)}).",
            f"{LAYOUT} Move the others away, or move them into a split. {_AS_CLASSES}",
        )
    loose = [name for name in splits if name not in holders]
    if any(splits[name] == "train" for name in loose):
        raise MediaError(
            f"The training images in {root.path} ({_listed(loose)}) are not in class directories.",
            LAYOUT,
        )
    if skipped := [*loose, *others]:
        count = sum(len(inner[name].all_images()) for name in skipped)
        why = "not splits with class directories"
        notes.append(f"Skipped {counted(count, 'image')} in {_listed(skipped)}: {why}.")
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
            f"Some class directories of {root.path} hold splits ({_listed(divided)}), others do "
            f"not ({list_names(plain)}).",
            "Give every class the same splits, or use DATA/train/<class>/<images>.",
        )
    return divided


def require_plausible(root: Folder, top: Folder, names: Sequence[str] | None) -> None:
    """Refuse class directories whose names mean images, labels, masks, splits or folds.

    Args:
        root: Directory of class directories.
        top: Directory passed by the user, for messages.
        names: Names of the class file; directories it names are classes, whatever they are called.

    Raises:
        MediaError: The directories are hardly classes.
    """
    inner = root.with_images()
    found = [name for name in inner if names is None or name not in names]
    parsed = {name: parse_folder_name(name) for name in found}
    words = {name: name.lower().replace("_", "").replace("-", "") for name in found}
    pictures = [name for name in found if words[name] in _IMAGE_FOLDERS]
    masks = [name for name in found if parsed[name].kind == "masks" and not parsed[name].rest]
    if pictures:
        empty = [name for name in root.empty_folders() if parse_folder_name(name).kind == "masks"]
        no_masks = f"; no image of a mask was found in {_listed(empty)}" if empty else ""
        raise MediaError(
            f"{_listed([*pictures, *masks])} in {root.path} cannot be classes"
            f"{_labels_hint(top) or no_masks}.",
            "For masks, expected images/ and masks/ with files of the same names. "
            f"For classes: {LAYOUT} {_AS_CLASSES}",
        )
    labels = [name for name in found if words[name] in _LABEL_FOLDERS]
    halves = [name for name in masks if parsed[name].split]
    if labels or halves:
        raise MediaError(
            f"{_listed([*labels, *halves])} in {root.path} look like masks or labels, but the "
            "images for them were not found.",
            f"Expected images/ and masks/, or train/ and trainannot/, side by side. {_AS_CLASSES}",
        )
    _require_no_splits(root, found)
    _require_no_folds(root, found)


def _require_no_splits(root: Folder, names: Sequence[str]) -> None:
    """Refuse ``trainA``, ``testA``, ``trainB``, ``testB``: names of splits of several kinds."""
    splits: dict[tuple[str, ...], dict[str, str]] = defaultdict(dict)
    for name in names:
        parsed = parse_folder_name(name)
        if parsed.split:
            splits[parsed.rest][name] = parsed.split
    for group in splits.values():
        if len(set(group.values())) > 1:
            raise MediaError(
                f"{_listed(group)} in {root.path} look like splits, not like classes.",
                f"{LAYOUT} {_AS_CLASSES}",
            )


def _require_no_folds(root: Folder, names: Sequence[str]) -> None:
    """Refuse ``fold1``, ``fold2`` with the same class directories in each."""
    numbered = {
        name
        for name in names
        if (words := set(parse_folder_name(name).rest)) <= _FOLD_WORDS
        and (words or any(word in name.lower() for word in _FOLD_WORDS))
    }
    if len(numbered) < 2 or numbered != set(names):
        return
    inside = {tuple(root.folders[name].with_images()) for name in numbered}
    if len(inside) == 1 and len(next(iter(inside))) > 1:
        raise MediaError(
            f"{_listed(sorted(numbered))} in {root.path} look like folds: each holds the "
            f"directories {list_names(next(iter(inside)))}.",
            f"Use `classifier cross-validate` on one folder of classes. {_AS_CLASSES}",
        )


def _labels_hint(top: Folder) -> str:
    """A clause on labels of object detection beside the images; empty if there are none."""
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


def _listed(names: Sequence[str] | dict[str, str]) -> str:
    return list_names([f"{name}/" for name in names])
