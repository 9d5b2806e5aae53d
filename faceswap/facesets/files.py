"""The files of a faceset: which of them are its own, and whether they lie in it."""

import re
from contextlib import suppress
from pathlib import Path

from faceswap.core.errors import FacesetError, OutputExistsError

RECORD, ROWS, IMAGES, MASKS = "faceset.json", "faces.parquet", "images", "masks"
REMOVED = "removed"
"""Folder of the crops that were taken out of ``images/``, from which they can be restored."""
SHARDS = "shards"
"""Folder of the rows written so far, while an extraction is unfinished."""
OLD_SHARDS = "parts"
"""Name of that folder before the format had a name."""
CROP = re.compile(r"[0-9]{6,19}-[0-9]{1,19}\.(?:jpg|png|webp)")
"""Names of crops and masks: number of the frame, number of the face."""
EXTRACT_AGAIN = "Extract the source again with --overwrite."
"""Hint to errors of files that are damaged or missing."""


def stored_file(faceset: Path, folder: str, name: str) -> Path:
    """Path of a crop or mask.

    Args:
        faceset: Directory of the faceset.
        folder: ``IMAGES``, ``MASKS`` or ``REMOVED``.
        name: Checked file name.

    Raises:
        FacesetError: It is a link, or in a linked folder, that leads out of the faceset.
    """
    path = faceset / folder / name
    linked = path.is_symlink() or path.parent.is_symlink()
    if linked and not path.resolve().is_relative_to(faceset.resolve()):
        raise FacesetError(
            f"Expected a file of the faceset, found a link to another place: {path}.",
            "Copy what it leads to into the faceset, if you trust it.",
        )
    return path


def check_folder(path: Path) -> None:
    """Checks that a directory holds a faceset or nothing, and leads nowhere else."""
    for name in (RECORD, ROWS, IMAGES, MASKS, REMOVED, SHARDS, OLD_SHARDS):
        if (path / name).is_symlink():
            raise FacesetError(
                f"Expected a file or folder, found a link: {path / name}.",
                "Remove the link: what it leads to may not be part of the faceset.",
            )
    if path.is_dir() and not (path / RECORD).exists():
        # Hidden: the lock, and what file browsers leave.
        others = sorted(child.name for child in path.iterdir() if not child.name.startswith("."))
        if others:
            raise OutputExistsError(
                f"{path} is no faceset, and holds other files: {', '.join(others[:3])}.",
                "Choose another folder with -o.",
            )


def remove_shards(path: Path) -> None:
    """Removes shards, the last one first: what is left is an earlier state of the extraction."""
    for name in (SHARDS, OLD_SHARDS):
        for file in sorted((path / name).glob("*.parquet"), reverse=True):
            file.unlink()
        with suppress(OSError):  # it has other files, or is gone
            (path / name).rmdir()


def find_crops(path: Path) -> list[Path]:
    """Crops and masks that bear the name of a face, in a new or unfinished faceset."""
    folders = [path / name for name in (IMAGES, MASKS, REMOVED) if (path / name).is_dir()]
    return [file for folder in folders for file in folder.iterdir() if CROP.fullmatch(file.name)]
