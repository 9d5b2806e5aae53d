"""``faceswap faces restore``: brings removed faces back."""

from collections.abc import Sequence
from typing import Annotated

import typer

from faceswap.core.console import TextTable, show_table
from faceswap.core.errors import FacesetError
from faceswap.curation.removal import removed_crops, restore_crops
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import open_facesets


def restore(
    facesets: Facesets,
    images: Annotated[
        list[str] | None,
        typer.Option("--image", help="File name of a crop to restore; may be repeated."),
    ] = None,
) -> None:
    """Move the crops in removed/ back to images/: all of them, or those of --image."""
    table = TextTable("faceset", "restored", "still removed")
    found = [(faceset, removed_crops(faceset)) for faceset in open_facesets(facesets)]
    _check_found(images or (), [removed for _, removed in found])
    for faceset, removed in found:
        wanted = removed if images is None else [name for name in removed if name in images]
        restored = restore_crops(faceset.path, wanted)
        table.add_row(str(faceset.path), f"{restored:,}", f"{len(removed) - restored:,}")
    show_table(table)


def _check_found(images: Sequence[str], removed: Sequence[Sequence[str]]) -> None:
    missing = sorted(set(images).difference(*removed))
    if missing:
        raise FacesetError(
            f"Expected removed crops of these names, found none: {', '.join(missing)}.",
            "Give the file names of crops in the removed/ of these facesets.",
        )
