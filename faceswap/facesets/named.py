"""Facesets by identity, as command lines give them."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from faceswap.core.errors import IdentityError
from faceswap.core.files import user_path
from faceswap.core.folders import folders_with
from faceswap.facesets.files import RECORD
from faceswap.facesets.found import find_facesets
from faceswap.facesets.subjects import is_faceset
from faceswap.models.crowd import CROWD

_NAME = re.compile(r"\w[\w.-]{0,62}")


def parse_faces(faces: Sequence[str] | None) -> dict[str, list[Path]]:
    """Parses ``["alice=faces/alice", ...]`` into facesets by identity, in order of appearance.

    A folder of facesets stands for all facesets in it.

    Raises:
        IdentityError: An entry is not NAME=FACESET, or the name is that of the crowd.
    """
    named: dict[str, list[Path]] = {}
    for text in faces or []:
        name, equals, path = text.partition("=")
        if not equals or not path or not _NAME.fullmatch(name):
            raise IdentityError(
                f"Expected --faces NAME=FACESET, found {text!r}.",
                "A name has up to 63 letters, digits, '-', '_' or '.': --faces alice=faces/alice",
            )
        if name == CROWD:
            raise IdentityError(
                f"The name {CROWD!r} is reserved for the people of --crowd.",
                "Use another name, or --crowd FOLDER for many people who are no targets.",
            )
        named.setdefault(name, []).extend(_facesets_at(user_path(path)))
    return named


def find_crowd(folders: Sequence[str] | None) -> dict[str, list[Path]]:
    """The facesets in folders of many people, as the identity of the crowd; empty without folders.

    Raises:
        FacesetError: A folder holds no facesets.
    """
    found = find_facesets([user_path(folder) for folder in folders or []]) if folders else []
    return {CROWD: found} if found else {}


def leave_targets_out(named: Mapping[str, Sequence[Path]]) -> dict[str, list[Path]]:
    """Facesets by identity, with those of the other identities taken out of the crowd.

    Raises:
        IdentityError: Nothing is left of the crowd.
    """
    sets = {name: list(paths) for name, paths in named.items()}
    if CROWD not in sets:
        return sets
    targets = {path.resolve() for name in sets.keys() - {CROWD} for path in sets[name]}
    sets[CROWD] = [path for path in sets[CROWD] if path.resolve() not in targets]
    if not sets[CROWD]:
        raise IdentityError(
            "Expected facesets of other people in --crowd, found only those of --faces.",
            "Add facesets of more people to the folder.",
        )
    return sets


def _facesets_at(path: Path) -> list[Path]:
    """Facesets directly in a folder; otherwise the path itself, which need not exist."""
    if is_faceset(path) or not folders_with(RECORD, path):
        return [path]
    return find_facesets([path])
