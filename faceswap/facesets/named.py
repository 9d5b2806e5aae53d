"""Facesets by identity, as command lines give them."""

import re
from collections.abc import Sequence
from pathlib import Path

from faceswap.core.errors import IdentityError
from faceswap.core.files import user_path
from faceswap.core.folders import folders_with
from faceswap.facesets.files import RECORD
from faceswap.facesets.found import find_facesets
from faceswap.facesets.subjects import is_faceset

_NAME = re.compile(r"\w[\w.-]{0,62}")


def parse_faces(faces: Sequence[str] | None) -> dict[str, list[Path]]:
    """Parses ``["alice=faces/alice", ...]`` into facesets by identity, in order of appearance.

    A folder of facesets stands for all facesets in it.

    Raises:
        IdentityError: An entry is not NAME=FACESET.
    """
    named: dict[str, list[Path]] = {}
    for text in faces or []:
        name, equals, path = text.partition("=")
        if not equals or not path or not _NAME.fullmatch(name):
            raise IdentityError(
                f"Expected --faces NAME=FACESET, found {text!r}.",
                "A name has up to 63 letters, digits, '-', '_' or '.': --faces alice=faces/alice",
            )
        named.setdefault(name, []).extend(_facesets_at(user_path(path)))
    return named


def _facesets_at(path: Path) -> list[Path]:
    """Facesets directly in a folder; otherwise the path itself, which need not exist."""
    if is_faceset(path) or not folders_with(RECORD, path):
        return [path]
    return find_facesets([path])
