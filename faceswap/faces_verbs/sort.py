"""``faceswap faces sort``: puts faces into an order."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
from faceswap.curation.likeness import reads_crops
from faceswap.curation.marks import write_marks
from faceswap.curation.ordering import sort_keys, sorted_faces
from faceswap.curation.view import write_view
from faceswap.faces_verbs.arguments import Facesets
from faceswap.faces_verbs.reading_bar import reading_bar
from faceswap.facesets.found import open_facesets

_By = Annotated[str, typer.Option("--by", help=f"{', '.join(sort_keys())}, or none to clear.")]
_Descending = Annotated[bool, typer.Option("--descending", help="Large values first.")]
_To = Annotated[
    Path | None,
    typer.Option(help="Folder for copies in that order, in a new folder for each faceset."),
]


def sort(
    facesets: Facesets,
    by: _By = "similarity",
    descending: _Descending = False,
    to: _To = None,
) -> None:
    """Write an order of the faces into the column `order` of the table.

    With --to, copies of the crops are numbered in that order for a file browser; after deleting or
    editing some of them, `faceswap faces apply` changes the faceset likewise.
    """
    opened = open_facesets(facesets)
    if to is not None:
        check_outputs([], [to / faceset.path.name for faceset in opened])
    for faceset in opened:
        if by == "none":
            write_marks(faceset.path, "order", {})
            continue
        faces = faceset.with_crops()
        with reading_bar(f"sort {faceset.name}", len(faces), shown=reads_crops(by)) as advance:
            order = sorted_faces(faceset, faces, by, descending=descending, on_faces=advance)
        ranked = [faces[place] for place in order]
        write_marks(faceset.path, "order", {face.image: place for place, face in enumerate(ranked)})
        note(f"{faceset.path}: {counted(len(faces), 'face')} sorted by {by}.")
        if to is not None:
            with progress_bar(f"copy {faceset.name}", len(faces), unit="faces") as advance:
                write_view(faceset, ranked, to / faceset.path.name, on_faces=advance)
