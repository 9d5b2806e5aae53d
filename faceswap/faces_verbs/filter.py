"""``faceswap faces filter``: keeps the faces that satisfy a condition."""

from itertools import compress
from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import TextTable, note, progress_bar, show_table
from faceswap.core.outputs import check_outputs
from faceswap.curation.columns import KINDS, needs_pixels, read_columns
from faceswap.curation.copying import copy_faces
from faceswap.curation.expression import Condition, matching, parse_condition
from faceswap.curation.removal import remove_crops
from faceswap.faces_verbs.arguments import DryRun, Facesets
from faceswap.faces_verbs.reading_bar import reading_bar
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import open_facesets

_Condition = Annotated[
    str, typer.Argument(help='Condition, such as "sharpness > 40 and abs(yaw) < 60".')
]
_Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder for copies with the matching faces; the facesets stay as they are.",
    ),
]


def filter_faces(
    condition: _Condition,
    facesets: Facesets,
    output: _Output = None,
    dry_run: DryRun = False,
) -> None:
    """Keep the faces that satisfy a condition; the crops of the others are moved to removed/.

    `faceswap faces restore` brings them back. A missing value satisfies no comparison. Write `--`
    before a condition that starts with a minus, after all options.
    """
    parsed = parse_condition(condition, KINDS)
    table = TextTable("faceset", "kept", "removed" if output is None else "left out")
    opened = open_facesets(facesets)
    if output is not None:
        check_outputs([], [output / faceset.path.name for faceset in opened])
    for faceset in opened:
        faces = faceset.with_crops()
        kept = _kept(faceset, faces, parsed)
        others = [face.image for face, matches in zip(faces, kept, strict=True) if not matches]
        if not dry_run and output is not None:
            _copy(faceset, list(compress(faces, kept)), output / faceset.path.name)
        elif not dry_run:
            remove_crops(faceset.path, others)
        table.add_row(str(faceset.path), f"{len(faces) - len(others):,}", f"{len(others):,}")
    show_table(table)
    if dry_run:
        note("Nothing was changed (--dry-run).")


def _kept(faceset: Faceset, faces: list[Face], condition: Condition) -> list[bool]:
    names = condition.columns
    with reading_bar(f"read {faceset.name}", len(faces), shown=needs_pixels(names)) as advance:
        return matching(condition, read_columns(faceset, faces, names, advance))


def _copy(faceset: Faceset, faces: list[Face], target: Path) -> None:
    with progress_bar(f"copy {target.name}", len(faces), unit="faces") as advance:
        copy_faces(faceset, faces, target, advance)
