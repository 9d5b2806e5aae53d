"""``faceswap faces split``: several facesets of one."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import TextTable, progress_bar, show_table
from faceswap.core.outputs import check_outputs
from faceswap.curation.copying import copy_faces
from faceswap.curation.grouping import group_folders, group_keys, grouped_faces
from faceswap.curation.likeness import reads_crops
from faceswap.faces_verbs.arguments import Facesets
from faceswap.faces_verbs.reading_bar import reading_bar
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import open_facesets

_By = Annotated[
    str, typer.Option("--by", help=f"group (of the last grouping), or {', '.join(group_keys())}.")
]
_Output = Annotated[Path, typer.Option("--output", "-o", help="Folder of the new facesets.")]
_Bins = Annotated[int, typer.Option(min=1, max=1000, help="Ranges of a number.")]


def split(facesets: Facesets, output: _Output, by: _By = "person", bins: _Bins = 5) -> None:
    """Write a faceset for each group of faces: OUTPUT/<faceset>-<group>. The old ones stay.

    Only faces whose crops are in images/ are copied.
    """
    parts = [
        (faceset, name, faces)
        for faceset in open_facesets(facesets)
        for name, faces in _groups(faceset, by, bins).items()
    ]
    targets = [output / f"{faceset.path.name}-{name}" for faceset, name, _ in parts]
    check_outputs([], targets, hint="Choose another --output, or delete it.")
    table = TextTable("faceset", "faces")
    for (faceset, _, faces), target in zip(parts, targets, strict=True):
        with progress_bar(f"copy {target.name}", len(faces), unit="faces") as advance:
            copy_faces(faceset, faces, target, advance)
        table.add_row(str(target), f"{len(faces):,}")
    show_table(table)


def _groups(faceset: Faceset, by: str, bins: int) -> dict[str, list[Face]]:
    faces = faceset.with_crops()
    if by == "group":
        names = [face.group for face in faces]
    else:
        with reading_bar(f"group {faceset.name}", len(faces), shown=reads_crops(by)) as advance:
            names = grouped_faces(faceset, faces, by, bins=bins, on_faces=advance)
    groups: dict[str, list[Face]] = {}
    folder_of = group_folders(names)
    for name, face in zip(names, faces, strict=True):
        groups.setdefault(folder_of[name], []).append(face)
    return groups
