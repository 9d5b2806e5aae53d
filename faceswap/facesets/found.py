"""Facesets by the paths that command lines give: facesets, and folders of facesets."""

from collections.abc import Iterable
from pathlib import Path

from faceswap.core.errors import FacesetError
from faceswap.core.folders import folders_with
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import RECORD
from faceswap.facesets.subjects import is_faceset


def find_facesets(paths: Iterable[Path]) -> list[Path]:
    """Directories of facesets: of each path itself, or of all facesets directly in it.

    Args:
        paths: Facesets, and folders of facesets such as the output of ``faceswap extract``.

    Returns:
        Directories, each once, in the order of the paths, with names even for ``.`` and ``..``.

    Raises:
        FacesetError: A path is neither, or does not exist.
    """
    found: dict[Path, Path] = {}
    for path in paths:
        inside = [_named(path)] if is_faceset(path) else _facesets_in(path)
        found |= {each.resolve(): each for each in inside if each.resolve() not in found}
    return list(found.values())


def open_facesets(paths: Iterable[Path]) -> list[Faceset]:
    """Opens the facesets that ``find_facesets`` finds.

    Raises:
        FacesetError: A path is no faceset and no folder of facesets, or one of them is unfinished
            or damaged.
    """
    return [Faceset.open(path) for path in find_facesets(paths)]


def _named(path: Path) -> Path:
    """A path whose last part is the name of the directory, by which outputs are named."""
    return path.resolve() if path.name in ("", "..") else path


def _facesets_in(folder: Path) -> list[Path]:
    if not folder.exists():
        raise FacesetError(f"{folder} does not exist.", "Give a faceset, or a folder of facesets.")
    inside = folders_with(RECORD, folder)
    if not inside:
        raise FacesetError(
            f"Expected a faceset or a folder of facesets, found none in {folder}.",
            "Create facesets with `faceswap extract VIDEO -o FOLDER`.",
        )
    return inside
