"""``faceswap faces draw``: pictures of what is known of faces."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
from faceswap.curation.drawing import LAYERS, draw_faces
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import open_facesets

_DEFAULT = ("mask", "landmarks", "axes", "text")


def draw(
    facesets: Facesets,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder; each faceset gets a new folder in it.")
    ],
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help=f"What to draw, may be repeated: {', '.join(LAYERS)}.",
            show_default=", ".join(_DEFAULT),
        ),
    ] = None,
    masker: Annotated[
        str | None, typer.Option(help="Masker whose masks are drawn.", show_default="default masks")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Draw every n-th face only.")] = 1,
) -> None:
    """Draw landmarks, mesh, mask and axes of the head over the crops, to look at them."""
    opened = [faceset.with_masker(masker or "") for faceset in open_facesets(facesets)]
    folders = [output / faceset.path.name for faceset in opened]
    check_outputs([], folders, hint="Choose another --output, or delete it.")
    for faceset, folder in zip(opened, folders, strict=True):
        faces = faceset.with_crops()[::every]
        with progress_bar(f"draw {faceset.name}", len(faces), unit="faces") as advance:
            draw_faces(faceset, faces, folder, layers=layer or _DEFAULT, on_faces=advance)
        note(f"{folder}: {counted(len(faces), 'picture')}.")
