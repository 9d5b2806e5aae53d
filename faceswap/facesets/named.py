"""Facesets by identity, as command lines give them."""

import re
from collections.abc import Mapping, Sequence
from itertools import chain

from faceswap.core.errors import FacesetError, IdentityError
from faceswap.core.files import user_path
from faceswap.core.folders import folders_with
from faceswap.core.urls import is_url
from faceswap.facesets.files import RECORD
from faceswap.facesets.found import find_facesets
from faceswap.facesets.pack_folder import PackPlace, find_packs
from faceswap.facesets.subjects import is_faceset
from faceswap.models.crowd import CROWD

_NAME = re.compile(r"\w[\w.-]{0,62}")


def parse_faces(faces: Sequence[str] | None) -> dict[str, list[PackPlace]]:
    """Parses ``["alice=faces/alice", ...]`` into facesets by identity, in order of appearance.

    A folder of facesets or of packs stands for all of them in it, and a pack for its faceset.

    Raises:
        IdentityError: An entry is not NAME=FACESET, or the name is that of the crowd.
    """
    named: dict[str, list[PackPlace]] = {}
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
        named.setdefault(name, []).extend(_facesets_at(path))
    return named


def find_crowd(folders: Sequence[str] | None) -> dict[str, list[PackPlace]]:
    """The facesets or packs of many people, as the identity of the crowd; empty without folders.

    Raises:
        FacesetError: A folder holds neither.
        RemoteError: A URL cannot be listed.
    """
    found = list(dict.fromkeys(chain.from_iterable(map(_crowd_at, folders or []))))
    return {CROWD: found} if found else {}


def _crowd_at(text: str) -> list[PackPlace]:
    packs = _packs_at(text)
    path = user_path(text)
    has_facesets = not is_url(text) and (is_faceset(path) or folders_with(RECORD, path))
    return [*packs, *(find_facesets([path]) if has_facesets or not packs else [])]


def _packs_at(text: str) -> list[PackPlace]:
    """Packs at a path or a URL that a person typed.

    Raises:
        FacesetError: There is none at a URL.
    """
    packs = find_packs(text if is_url(text) else user_path(text))
    if is_url(text) and not packs:
        raise FacesetError(
            f"Expected a pack or a folder of packs, found none at {text}.",
            "Copy a folder that `faceswap faces pack` wrote to it.",
        )
    return packs


def leave_targets_out(named: Mapping[str, Sequence[PackPlace]]) -> dict[str, list[PackPlace]]:
    """Facesets by identity, with those of the other identities taken out of the crowd.

    Raises:
        IdentityError: Nothing is left of the crowd.
    """
    sets = {name: list(paths) for name, paths in named.items()}
    if CROWD not in sets:
        return sets
    targets = {_key(place) for name in sets.keys() - {CROWD} for place in sets[name]}
    sets[CROWD] = [place for place in sets[CROWD] if _key(place) not in targets]
    if not sets[CROWD]:
        raise IdentityError(
            "Expected facesets of other people in --crowd, found only those of --faces.",
            "Add facesets of more people to the folder.",
        )
    return sets


def _key(place: PackPlace) -> PackPlace:
    return place if isinstance(place, str) else place.resolve()


def _facesets_at(text: str) -> list[PackPlace]:
    """Packs or facesets at a place; otherwise the path itself, which need not exist."""
    packs, path = _packs_at(text), user_path(text)
    if packs and not folders_with(RECORD, path):
        return packs
    if is_faceset(path) or not folders_with(RECORD, path):
        return [path]
    return [*packs, *find_facesets([path])]
