"""Refuse directories that hardly are classes: images, labels, masks, splits, folds, versions."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Literal, TypeVar

from classifier.data.images import BROKEN, open_limited
from classifier.data.readers.folder_names import find_split, parse_folder_name
from classifier.data.readers.layouts import AS_CLASSES, LAYOUT, labels_hint, listed, only_chain
from classifier.data.readers.mask_folders import bare_stem, is_mask_name
from classifier.data.readers.tree import Folder, list_names
from faceswap.core.errors import MediaError
from faceswap.core.text import counted

_IMAGE_FOLDERS = frozenset(
    {"image", "images", "img", "imgs", "jpegimages", "jpegs"}
    | {"imgdir", "image2", "leftimg8bit", "inputs"}
)
_LABEL_FOLDERS = frozenset(
    {"label", "labels", "annotation", "annotations", "annot", "annots", "groundtruth", "gt"}
    | {"masks", "trimaps", "segmentations", "anndir", "gtfine", "gtcoarse", "targets"}
)
_UNLABELLED = frozenset({"unlabeled", "unlabelled", "unsup", "unsupervised"})
_MASK_LAYOUT = (
    "For masks, expected images/ and masks/ with files of the same names (also below train/, val/ "
    "and test/). "
)
_PROBES = 3  # images of a directory whose modes are compared with those of another
_FEW_VALUES = 32  # grey images of so few values are masks beside others of more

T = TypeVar("T")
_Look = Literal["colour", "grey", "few values"]


def require_plausible(root: Folder, top: Folder, names: Sequence[str] | None) -> None:
    """Refuse class directories whose names or contents mean something else.

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
        no_masks = f"; no image of a mask was found in {listed(empty)}" if empty else ""
        raise MediaError(
            f"{listed([*pictures, *masks])} in {root.path} cannot be classes"
            f"{labels_hint(top) or no_masks}.",
            f"{_MASK_LAYOUT}For classes: {LAYOUT} {AS_CLASSES}",
        )
    labels = [name for name in found if words[name] in _LABEL_FOLDERS]
    halves = [name for name in masks if parsed[name].split]
    if labels or halves:
        raise MediaError(
            f"{listed([*labels, *halves])} in {root.path} look like masks or labels, but the "
            "images for them were not found.",
            f"Expected images/ and masks/, or train/ and trainannot/, side by side. {AS_CLASSES}",
        )
    if unlabelled := [name for name in found if words[name] in _UNLABELLED]:
        raise MediaError(
            f"{listed(unlabelled)} in {root.path} cannot be a class: its images have no label.",
            f"Choose the directory of class directories as DATA, or move {unlabelled[0]}/ away. "
            f"{AS_CLASSES}",
        )
    _require_no_splits(root, found)
    _require_no_copies(root, found)
    _require_no_mask_folders(root, found)
    _require_no_mask_files(root)


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
                f"{listed(group)} in {root.path} look like splits, not like classes.",
                f"{LAYOUT} {AS_CLASSES}",
            )


def _require_no_copies(root: Folder, names: Sequence[str]) -> None:
    """Refuse siblings that hold the same directories, such as ``color/``, ``grayscale/``."""
    inner = root.with_images()
    below = {name: found for name in names if len(found := _directories(inner[name])) > 1}
    for first, second in combinations(below, 2):
        common = below[first] & below[second]
        if len(common) > 1 and 2 * len(common) >= max(len(below[first]), len(below[second])):
            same = [name for name, found in below.items() if len(found & common) > 1]
            raise MediaError(
                f"{listed(same)} in {root.path} look like folds, splits or versions of one data "
                f"set, not like classes: each holds the directories {list_names(sorted(common))}.",
                "Choose one of them as DATA, or name them train/, val/ and test/ if they are "
                f"splits. For folds, use `classifier cross-validate` on all images. {AS_CLASSES}",
            )


def _directories(folder: Folder) -> set[str]:
    """Directories in one; of splits in it (``cat/train``, ``cat/test``) those in the splits."""
    found = only_chain(folder)[-1].with_images()
    if found and all(map(find_split, found)):
        return {name for split in found.values() for name in split.with_images()}
    return set(found)


def _require_no_mask_folders(root: Folder, names: Sequence[str]) -> None:
    """Refuse directories of images and of grey images under the same names, such as ``x``, ``y``.

    Only directories that share most of their file names are looked into.
    """
    inner = root.with_images()
    files = {name: _by_stem(inner[name]) for name in names}
    owners = Counter(stem for found in files.values() for stem in found)
    shared = {
        name: found
        for name, found in files.items()
        if 2 * sum(owners[stem] > 1 for stem in found) > len(found) > 1
    }
    looks = {name: _looks(_spread(list(found.values()))) for name, found in shared.items()}
    masks = [name for name, look in looks.items() if look in ("grey", "few values")]
    for mask in masks:
        for image, look in looks.items():
            lighter = look == "colour" or (look == "grey" and looks[mask] == "few values")
            if lighter and _are_pairs(shared[image], shared[mask]):
                raise MediaError(
                    f"{listed([image, mask])} in {root.path} look like images and their masks, not "
                    f"like classes: both hold the same file names, and {mask}/ holds grey or "
                    "palette images.",
                    f"{_MASK_LAYOUT}{AS_CLASSES}",
                )


def _by_stem(folder: Folder) -> dict[str, Path]:
    """Images by their path below the directory, without suffix and endings such as ``_mask``."""
    found: dict[str, Path] = {}
    for inner in folder.below():
        above = inner.path.relative_to(folder.path).as_posix()
        found |= {f"{above}/{bare_stem(path)}": path for path in inner.images}
    return found


def _are_pairs(images: dict[str, Path], masks: dict[str, Path]) -> bool:
    common = [stem for stem in masks if stem in images]
    if 2 * len(common) <= max(len(images), len(masks)):
        return False
    return all(_size(images[stem]) == _size(masks[stem]) for stem in _spread(common))


def _spread(items: Sequence[T]) -> Sequence[T]:
    """A few items from the first to the last."""
    return items[:: max(1, (len(items) - 1) // (_PROBES - 1))][:_PROBES]


def _looks(paths: Sequence[Path]) -> _Look | None:
    """How all these images look; None if they differ."""
    found: set[_Look | None] = {_look(path) for path in paths}
    if found == {"grey", "few values"}:
        return "grey"
    return found.pop() if len(found) == 1 else None


def _look(path: Path) -> _Look | None:
    try:
        with open_limited(path) as image:
            if image.mode not in ("1", "L", "LA", "P") and image.mode[0] not in "IF":
                return "colour"
            return "grey" if image.getcolors(_FEW_VALUES) is None else "few values"
    except BROKEN:
        return None


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with open_limited(path) as image:
            return image.size
    except BROKEN:
        return None


def _require_no_mask_files(root: Folder) -> None:
    """Refuse class directories with a mask beside every image: ``1.png``, ``1_mask.png``."""
    for folder in root.below():
        masks = [path for path in folder.images if is_mask_name(path)]
        if not masks:
            continue
        images = {path.stem for path in folder.images} - {path.stem for path in masks}
        beside = [path for path in masks if bare_stem(path) in images]
        if beside and 2 * len(beside) >= len(images):
            raise MediaError(
                f"{folder.path} holds {counted(len(beside), 'mask')} beside the images, such as "
                f"{beside[0].name}.",
                "Move the masks away, or into masks/ beside images/. Or write a list with the "
                "columns path and label.",
            )
