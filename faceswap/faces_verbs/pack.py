"""``faceswap faces pack`` and ``unpack``: facesets as shards of WebDataset."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.errors import FacesetError
from faceswap.core.folders import natural_key
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
from faceswap.curation.packing import pack_faceset, unpack_faceset
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import open_facesets


def pack(
    facesets: Facesets,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder; each faceset gets a new folder in it.")
    ],
    faces: Annotated[int, typer.Option(min=1, help="Faces in a tar file.")] = 1000,
) -> None:
    """Write facesets as tar files that WebDataset reads and `unpack` restores."""
    opened = open_facesets(facesets)
    folders = [output / faceset.path.name for faceset in opened]
    check_outputs([], folders, hint="Choose another --output, or delete it.")
    for faceset, folder in zip(opened, folders, strict=True):
        count = len(faceset.faces())
        with progress_bar(f"pack {faceset.name}", count, unit="faces") as advance:
            names = pack_faceset(faceset, folder, faces, advance)
        note(f"{folder}: {count:,} faces in {counted(len(names), 'file')}.")


def unpack(
    pack: Annotated[Path, typer.Argument(help="Folder of the tar files of one faceset.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory of the new faceset.")],
) -> None:
    """Restore a faceset from its tar files: the same files, bit by bit."""
    files = sorted(pack.glob("*.tar"))
    if not files:
        inside = sorted({file.parent for file in pack.glob("*/*.tar")}, key=natural_key)
        raise FacesetError(
            f"Expected a folder of tar files, found none in {pack}.",
            f"Give one of the packs in it, such as {inside[0]}."
            if inside
            else "Give a folder that `faceswap faces pack` wrote.",
        )
    with progress_bar(f"unpack {pack.name}", None, unit="files") as advance:
        faceset = unpack_faceset(files, output, advance)
    note(f"{output}: {len(faceset.faces()):,} faces.")
