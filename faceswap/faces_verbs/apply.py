"""``faceswap faces apply``: does to a faceset what was done to sorted copies of it."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import TextTable, note, show_table
from faceswap.core.errors import FacesetError
from faceswap.core.folders import folders_with
from faceswap.curation.view import VIEW, apply_changes, find_changes, read_view
from faceswap.faces_verbs.arguments import DryRun
from faceswap.facesets.faceset import Faceset

_SHOWN = 5  # lines of one kind
_FAILED = 1  # exit code


def apply(
    folders: Annotated[
        list[Path],
        typer.Argument(help="Folders that `sort --to` or `group --to` wrote, or one above them."),
    ],
    faceset: Annotated[
        Path | None, typer.Option(help="Faceset that they show, if it has moved.")
    ] = None,
    dry_run: DryRun = False,
) -> None:
    """Change facesets as the copies of their crops were changed.

    Where a copy was deleted, the crop is moved to removed/; an edited copy replaces its crop; one
    that was moved to another folder changes the group of the face. Exit code 1 if a copy cannot be
    used.
    """
    table = TextTable("faceset", "removed", "edited", "moved to another group")
    failed = False
    for folder in _views(folders):
        view = read_view(folder)
        opened = Faceset.open(faceset or Path(view["faceset"]))
        changes = find_changes(folder, view, opened)
        if not dry_run:
            apply_changes(folder, view, opened, changes)
        counts = (len(changes.removed), len(changes.edited), len(changes.moved))
        table.add_row(str(opened.path), *(f"{count:,}" for count in counts))
        strays = [f"{path} belongs to no face; it is left out" for path in changes.strays]
        for lines in (strays, changes.refused):
            for line in lines[:_SHOWN]:
                note(f"{line}.")
            if len(lines) > _SHOWN:
                note(f"... and {len(lines) - _SHOWN} more.")
        failed |= bool(changes.refused)
    show_table(table)
    if dry_run:
        note("Nothing was changed (--dry-run).")
    if failed:
        raise typer.Exit(_FAILED)


def _views(folders: list[Path]) -> list[Path]:
    found = []
    for folder in folders:
        inside = folders_with(VIEW, folder)
        if not inside and not (folder / VIEW).is_file():
            raise FacesetError(
                f"Expected a folder with {VIEW}, or one above such folders: {folder}.",
                "Write one with `faceswap faces sort --to` or `faceswap faces group --to`.",
            )
        found += [folder] if (folder / VIEW).is_file() else inside
    return found
