"""Names that come from files or other machines: they are never paths."""

import os
import re
import unicodedata
from collections.abc import Collection
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from faceswap.core.errors import UnsafeNameError

_MOST_BYTES = 255  # of a file name, on every common file system
# Devices on Windows, in every folder and with every suffix.
_RESERVED = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:")


def check_name(name: str, what: str) -> str:
    """Returns a name that denotes a file or folder directly inside another folder, and no other.

    Args:
        name: Name as found.
        what: Noun for the message, with its place ("identity in run/manifest.json").

    Raises:
        UnsafeNameError: The name is empty, hidden, too long, reserved by a system, or contains a
            path separator, ``..`` or control characters.
    """
    problem = _problem(name)
    if problem:
        raise UnsafeNameError(
            f"Expected a plain name as the {what}, found {name[:100]!r}, which {problem}.",
            "The file is damaged, or was made to write outside its folder: do not use it.",
        )
    return name


def plain_name(text: str) -> str:
    """The nearest name that ``check_name`` accepts, for the name of a file of the user."""
    shown = os.fsencode(text).decode("utf-8", "replace")
    name = "".join(c if c not in "/\\" and c.isprintable() else "_" for c in shown).lstrip(".")
    name = _DRIVE.sub(lambda drive: f"{drive[0][0]}_", name)
    name = name.encode()[:_MOST_BYTES].decode(errors="ignore")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    return name if name.strip() else "unnamed"


def plain_names(texts: Collection[str], taken: Collection[str] = ()) -> dict[str, str]:
    """Plain names of texts, a different one for each even where case is ignored.

    Args:
        texts: Texts; their order is of no effect.
        taken: Names that none of them gets.

    Returns:
        Name of each text: its ``plain_name``, with a number where several have the same.
    """
    used = {name.casefold() for name in taken}
    names: dict[str, str] = {}
    for text in sorted(set(texts), key=lambda text: (text != plain_name(text), text)):
        name, number = plain_name(text), 1
        while name.casefold() in used:
            number += 1
            end = f" ({number})"
            room = _MOST_BYTES - len(end)
            name = plain_name(text).encode()[:room].decode(errors="ignore") + end
        used.add(name.casefold())
        names[text] = name
    return names


def _problem(name: str) -> str:
    """Reason why a name is not a plain one, as a predicate; empty if it is."""
    if not name.strip():
        return "is empty"
    if "/" in name or "\\" in name or _DRIVE.match(name):
        return "is a path"
    if name.startswith("."):  # "..", too, and the files this program keeps for itself
        return "starts with a dot"
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        return "contains control characters or bytes that are not UTF-8"
    if len(os.fsencode(name)) > _MOST_BYTES:
        return f"is longer than {_MOST_BYTES} bytes"
    return "is reserved on Windows" if _RESERVED.fullmatch(name) else ""


def _checked(name: str) -> str:
    problem = _problem(name)
    if problem:
        raise ValueError(f"expected a plain name, which this is not: it {problem}")
    return name


FileName = Annotated[str, AfterValidator(_checked)]
"""Name of a file directly inside a known folder; see ``check_name``."""

IdentityName = Annotated[str, AfterValidator(_checked)]
"""Name of an identity, which is also that of its folders and files."""

Sha256Hex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
"""SHA-256 in 64 lower-case hex digits."""
