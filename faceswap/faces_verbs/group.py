"""``faceswap faces group``: divides faces into groups."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import TextTable, progress_bar, show_table
from faceswap.core.outputs import check_outputs
from faceswap.curation.grouping import group_keys, grouped_faces
from faceswap.curation.likeness import reads_crops
from faceswap.curation.marks import write_marks
from faceswap.curation.view import write_view
from faceswap.faces_verbs.arguments import Facesets
from faceswap.faces_verbs.reading_bar import reading_bar
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import open_facesets

_By = Annotated[str, typer.Option("--by", help=f"{', '.join(group_keys())}, or none to clear.")]
_Bins = Annotated[
    int,
    typer.Option(min=1, max=1000, help="Ranges of a number; for pose, of yaw and pitch each."),
]
_Threshold = Annotated[
    float | None,
    typer.Option(
        min=0, help="Distance up to which faces are alike (similarity, colour, identity)."
    ),
]
_To = Annotated[
    Path | None,
    typer.Option(help="Folder for copies, a folder for each group in one for each faceset."),
]


def group(
    facesets: Facesets,
    by: _By = "person",
    bins: _Bins = 5,
    threshold: _Threshold = None,
    to: _To = None,
) -> None:
    """Divide the faces into groups, written into the column `group` of the table.

    With --to, copies of the crops are sorted into a folder for each group; after moving, deleting
    or editing some of them, `faceswap faces apply` changes the faceset likewise.
    """
    opened = open_facesets(facesets)
    if to is not None:
        check_outputs([], [to / faceset.path.name for faceset in opened])
    for faceset in opened:
        if by == "none":
            write_marks(faceset.path, "group", {})
            continue
        faces = faceset.with_crops()
        with reading_bar(f"group {faceset.name}", len(faces), shown=reads_crops(by)) as advance:
            groups = grouped_faces(
                faceset, faces, by, bins=bins, threshold=threshold, on_faces=advance
            )
        images = [face.image for face in faces]
        write_marks(faceset.path, "group", dict(zip(images, groups, strict=True)))
        _show(faceset, groups)
        if to is not None:
            _copy(faceset, faces, groups, to)


def _show(faceset: Faceset, groups: list[str | None]) -> None:
    table = TextTable("group", "faces", title=str(faceset.path))
    counts = Counter("" if name is None else name for name in groups)
    for name in sorted(counts):
        table.add_row(name or "without a group", f"{counts[name]:,}")
    show_table(table)


def _copy(faceset: Faceset, faces: list[Face], groups: list[str | None], to: Path) -> None:
    # Within a group, the order of the last sorting.
    last = len(faces)
    order = sorted(range(last), key=lambda i: last if (rank := faces[i].order) is None else rank)
    with progress_bar(f"copy {faceset.name}", last, unit="faces") as advance:
        write_view(
            faceset,
            [faces[place] for place in order],
            to / faceset.path.name,
            groups=[groups[place] for place in order],
            on_faces=advance,
        )
