"""``faceswap faces pack`` and ``unpack``: facesets as shards of WebDataset."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.errors import FacesetError
from faceswap.core.folders import natural_key
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
from faceswap.curation.packing import Packing
from faceswap.curation.unpacking import unpack_faceset
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import open_facesets


def pack(
    facesets: Facesets,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder; each faceset gets a folder in it.")
    ],
    faces: Annotated[int, typer.Option(min=1, help="Faces in a tar file.")] = 1000,
) -> None:
    """Write facesets as tar files that WebDataset reads and `unpack` restores.

    If it is interrupted, run the same command again to resume.
    """
    opened = open_facesets(facesets)
    packings = [Packing(faceset, output / faceset.path.name, faces) for faceset in opened]
    check_outputs([], [packing.folder for packing in packings], overwrite=True)
    for packing in packings:
        packing.check()
    for packing in packings:
        count = len(packing.faceset.faces())
        with progress_bar(f"pack {packing.faceset.name}", count, unit="faces") as advance:
            complete = not packing.run(advance)
        files = counted(len(packing.names), "file")
        done = ", already complete" if complete else ""
        note(f"{packing.folder}: {counted(count, 'face')} in {files}{done}.")


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
    note(f"{output}: {counted(len(faceset.faces()), 'face')}.")
