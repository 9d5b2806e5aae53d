"""What the name of a folder says: the split it holds, and whether it holds images or masks."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from faceswap.core.text import readable_name

_SPLITS = {
    "train": ("train", "training", "trainings", "trainval", "trn"),
    "validation": ("val", "valid", "validation", "validate", "dev", "devel", "development"),
    "test": ("test", "tests", "testing", "tst", "eval", "evaluation", "holdout"),
}
_SPLITS["train"] += ("entrainement", "entrenamiento")
_SPLITS["validation"] += ("validierung", "validierungs")
_IMAGES = ("image", "images", "img", "imgs", "photo", "photos", "picture", "pictures", "pics")
_IMAGES += ("frames", "jpeg", "jpegs", "jpg", "rgb")
_MASKS = ("mask", "masks", "label", "labels", "annot", "annots", "annotation", "annotations")
_MASKS += ("gt", "groundtruth", "truth", "segmentation", "segmentations", "trimap", "trimaps")
_MASKS += ("ann", "anns", "semantic", "semantics")
# Words without a meaning of their own beside the others.
_FILLERS = ("set", "sets", "data", "dataset", "datasets", "folder", "dir", "split", "splits")
_FILLERS += ("daten",)
_FILLERS += ("part", "subset", "seg", "ground", "public", "private", "class", "classes", "all")
_FILLERS += ("png", "bmp", "of", "orig", "original", "raw", "resized", "cropped", "augmented")
_FILLERS += ("aug", "final", "full", "small", "mini", "clean", "balanced")

_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}
_KNOWN = frozenset((*_SPLIT_OF, *_IMAGES, *_MASKS, *_FILLERS))
_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+|[^\W\d_]+")
_ONE_OF = "|".join(sorted(_KNOWN, key=len, reverse=True))
_COMPOUND = re.compile(f"(?:{_ONE_OF})+")
_PIECE = re.compile(_ONE_OF)


@dataclass(frozen=True)
class FolderName:
    """Meaning of a folder's name.

    Attributes:
        split: "train", "validation" or "test"; None if the name does not say, or says several.
        kind: "images" or "masks"; None if the name does not say.
        rest: Other words of the name in lower case; empty if the whole name is understood.
    """

    split: str | None
    kind: Literal["images", "masks"] | None
    rest: tuple[str, ...]

    @property
    def names_split(self) -> bool:
        """Whether the name says nothing but a split, such as ``01_train`` or ``train_images``."""
        return self.split is not None and self.kind != "masks" and not self.rest


def parse_folder_name(name: str) -> FolderName:
    """Parse a name such as ``Training``, ``seg_train``, ``images_val``, ``trainannot``."""
    words = [piece for word in _WORDS.findall(name) for piece in _pieces(word.lower())]
    splits = {_SPLIT_OF[word] for word in words if word in _SPLIT_OF}
    kind = None
    if any(word in _MASKS for word in words):
        kind = "masks"
    elif any(word in _IMAGES for word in words):
        kind = "images"
    rest = tuple(word for word in words if word not in _KNOWN and not word.isdecimal())
    return FolderName(next(iter(splits)) if len(splits) == 1 else None, kind, rest)


def find_split(name: str) -> str | None:
    """Split that a name or a value of a list says, and nothing else; None for other names."""
    parsed = parse_folder_name(name)
    return parsed.split if parsed.names_split else None


def splits_among(names: Iterable[str]) -> dict[str, str]:
    """Splits of those of sibling folders that are named after one.

    Names with other words count if siblings of another split share these words: ``dogs_train``
    and ``dogs_test``.
    """
    parsed = {name: parse_folder_name(name) for name in names}
    plain = {name: found.split for name, found in parsed.items() if found.names_split}
    if plain:
        return {name: split for name, split in plain.items() if split}
    with_rest: dict[tuple[str, ...], dict[str, str]] = {}
    for name, found in parsed.items():
        if found.split and found.kind != "masks":
            with_rest.setdefault(found.rest, {})[name] = found.split
    groups = [group for group in with_rest.values() if len(set(group.values())) > 1]
    return groups[0] if len(groups) == 1 else {}


def composed(name: str) -> str:
    r"""Name of a class in Unicode NFC; bytes that are not UTF-8 become ``\xNN``.

    macOS file systems decompose accented characters.
    """
    return unicodedata.normalize("NFC", readable_name(name))


def _pieces(word: str) -> list[str]:
    """Known words that a word is composed of, such as ``train`` and ``annot``, or the word."""
    if word not in _KNOWN and _COMPOUND.fullmatch(word):
        return _PIECE.findall(word)
    return [word]
