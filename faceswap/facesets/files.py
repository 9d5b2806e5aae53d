"""The files of a faceset: which of them are its own, and whether they lie in it."""

import os
import re
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

from faceswap.core.errors import FacesetError, OutputExistsError

RECORD, ROWS, IMAGES, MASKS = "faceset.json", "faces.parquet", "images", "masks"
DAMAGED = ".damaged"
"""Ending of the names of crops in ``REMOVED`` that cannot be read."""
REMOVED = "removed"
"""Folder of the crops that were taken out of ``images/``, from which they can be restored."""
SEGMENTS = "segments"
"""Folder of the rows written so far, while an extraction is unfinished."""
REPLACES = "replaces.json"
"""Name of the file in it that says which extraction replaces an earlier faceset."""
ASIDE = f"{SEGMENTS}/replaced"
"""Folder of the segments of an unfinished faceset that an extraction is about to replace."""
OLD_SEGMENTS = ("parts", "shards")
"""Names of that folder in earlier versions."""
CROP = re.compile(r"[0-9]{6,19}-[0-9]{1,19}\.(?:jpg|png|webp)")
"""Names of crops and masks: number of the frame, number of the face."""
EXTRACT_AGAIN = "Extract the source again with --overwrite."
"""Hint to errors of files that are damaged or missing."""


def mask_folder(masker: str) -> str:
    """Folder of the further masks of a masker, inside a faceset."""
    return f"{MASKS}/{masker}"


def stored_file(faceset: Path, folder: str, name: str) -> Path:
    """Path of a crop or mask.

    Args:
        faceset: Directory of the faceset.
        folder: ``IMAGES``, ``MASKS``, ``REMOVED`` or a ``mask_folder``.
        name: Checked file name.

    Raises:
        FacesetError: It is a link, or in a linked folder, that leads out of the faceset.
    """
    path = faceset / folder / name
    inside = path.relative_to(faceset)
    linked = any((faceset / place).is_symlink() for place in (inside, *inside.parents[:-1]))
    if linked and not path.resolve().is_relative_to(faceset.resolve()):
        raise FacesetError(
            f"Expected a file of the faceset, found a link to another place: {path}.",
            "Copy what it leads to into the faceset, if you trust it.",
        )
    return path


def crop_names(faceset: Path) -> set[str]:
    """Names of the files in ``images/``.

    Args:
        faceset: Directory of the faceset.

    Raises:
        FacesetError: The folder is missing.
    """
    folder = faceset / IMAGES
    try:
        return {file.name for file in os.scandir(folder)}
    except (FileNotFoundError, NotADirectoryError) as error:
        raise FacesetError(
            f"The faceset {faceset} has no folder {IMAGES}/.",
            f"Restore {folder}, or extract the source again with --overwrite.",
        ) from error


def check_folder(path: Path) -> None:
    """Checks that a directory holds a faceset or nothing, and leads nowhere else."""
    names = (RECORD, ROWS, IMAGES, MASKS, REMOVED, SEGMENTS, *OLD_SEGMENTS)
    for place in (*(path / name for name in names), *(path / MASKS).glob("*/")):
        if place.is_symlink():
            raise FacesetError(
                f"Expected a file or folder, found a link: {place}.",
                "Remove the link: what it leads to may not be part of the faceset.",
            )
    if path.is_dir() and not (path / RECORD).exists():
        # Hidden: the lock, and what file browsers leave.
        others = sorted(child.name for child in _visible(path) if not _is_leftover(child))
        if others:
            raise OutputExistsError(
                f"{path} is no faceset, and holds other files: {', '.join(others[:3])}.",
                "Choose another folder with -o.",
            )


def _visible(folder: Path) -> list[Path]:
    return [child for child in folder.iterdir() if not child.name.startswith(".")]


def _is_leftover(child: Path) -> bool:
    """Whether it is what a process that was killed left of a faceset without faces."""
    return child.name == SEGMENTS and child.is_dir() and not _visible(child)


def remove_segments(path: Path) -> None:
    """Removes segments, the last one first: what is left is an earlier state of the extraction."""
    for name in (ASIDE, SEGMENTS, *OLD_SEGMENTS):
        remove_tables(path / name)


def remove_tables(folder: Path) -> None:
    """Removes the segments in a folder, and then what says which faceset they replace."""
    for file in sorted(folder.glob("*.parquet"), reverse=True):
        file.unlink(missing_ok=True)
    (folder / REPLACES).unlink(missing_ok=True)
    with suppress(OSError):  # it has other files, or is gone
        folder.rmdir()


def remove_empty_folder(path: Path) -> None:
    """Removes the folder of a faceset that did not come to be, unless it has other files."""
    if not (path / RECORD).exists():
        with suppress(OSError):
            (path / SEGMENTS).rmdir()  # another process held a lock in it
        with suppress(OSError):
            path.rmdir()


def find_crops(path: Path, maskers: Collection[str]) -> list[Path]:
    """Crops and masks that bear the name of a face, in a new or unfinished faceset.

    Args:
        path: Directory of the faceset.
        maskers: Names of all maskers; other folders in ``masks/`` belong to the user.
    """
    folders = [path / name for name in (IMAGES, MASKS, REMOVED) if (path / name).is_dir()]
    folders += further_mask_folders(path, maskers)
    return [file for folder in folders for file in folder.iterdir() if CROP.fullmatch(file.name)]


def further_mask_folders(path: Path, maskers: Collection[str]) -> list[Path]:
    """Folders of the further masks of some maskers, as far as a faceset has them."""
    return [folder for name in maskers if (folder := path / mask_folder(name)).is_dir()]
