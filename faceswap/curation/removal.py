"""Takes crops out of a faceset, and puts them back.

A crop is moved from ``images/`` to ``removed/`` by renaming it: at any moment it has one of the two
names. Its row and its masks stay, so that nothing has to be computed when it comes back.
"""

from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from faceswap.core.errors import OutputExistsError
from faceswap.core.files import sha256_file
from faceswap.core.locks import hold_folder
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES, REMOVED, stored_file

_SHOWN = 3  # names in a message


def remove_crops(faceset: Path, names: Collection[str]) -> int:
    """Moves crops from ``images/`` to ``removed/``; those that are not in ``images/`` are skipped.

    Args:
        faceset: Directory of the faceset.
        names: File names of crops.

    Returns:
        Number of crops moved.

    Raises:
        FacesetError: A folder leads out of the faceset.
        OutputBusyError: Another process writes the faceset.
        OutputExistsError: ``removed/`` holds another picture of that name.
    """
    return _move(faceset, names, IMAGES, REMOVED)


def restore_crops(faceset: Path, names: Collection[str]) -> int:
    """Moves crops back from ``removed/`` to ``images/``; see ``remove_crops``."""
    moved = _move(faceset, names, REMOVED, IMAGES)
    with suppress(OSError):  # others are left in it, or there is none
        (faceset / REMOVED).rmdir()
    return moved


def removed_crops(faceset: Faceset) -> list[str]:
    """File names of the crops in ``removed/`` that belong to a face, sorted."""
    names = {face.image for face in faceset.faces()}
    with suppress(FileNotFoundError):
        return sorted(names & {path.name for path in (faceset.path / REMOVED).iterdir()})
    return []


def _move(faceset: Path, names: Collection[str], source: str, target: str) -> int:
    with hold_folder(faceset, "the curation"):
        moves = [
            (stored_file(faceset, source, name), stored_file(faceset, target, name))
            for name in sorted(names)
        ]
        moves = [(old, new) for old, new in moves if old.is_file()]
        _check_free(moves)
        if moves:
            (faceset / target).mkdir(exist_ok=True)
        for old, new in moves:
            old.replace(new)
    return len(moves)


def _check_free(moves: Collection[tuple[Path, Path]]) -> None:
    """Checks that no picture would be replaced by another one; an equal one may be."""
    taken = [new for old, new in moves if new.exists() and sha256_file(old) != sha256_file(new)]
    if taken:
        shown = ", ".join(path.name for path in taken[:_SHOWN])
        raise OutputExistsError(
            f"{taken[0].parent} holds other pictures of the same names: {shown}"
            f"{' and more' if len(taken) > _SHOWN else ''}.",
            f"Look at both, and delete those of {IMAGES}/ or of {REMOVED}/.",
        )
