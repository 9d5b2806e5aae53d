"""Imports a faceset of deepfakes/faceswap or DeepFaceLab, without unpickling anything.

python tools/import_faceset.py FACES -o faces
python tools/import_faceset.py FACES --video clip.mp4 -o faces
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from peers.importing import faces_of_crops, faces_of_footage, open_peer_faceset

from faceswap.core.command_line import run_command
from faceswap.core.console import note
from faceswap.core.errors import MediaError
from faceswap.core.text import counted
from faceswap.extraction.report import describe
from faceswap.extraction.selection import Selection
from faceswap.extraction.settings import ExtractSettings
from faceswap.media.sources import Source, find_sources
from faceswap.with_progress import extract_with_progress

_DEFAULTS = ExtractSettings()


def import_faceset(
    faces: Annotated[
        Path, typer.Argument(help="Folder of face images, faceset.pak, or alignments (.fsa).")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the faceset.")] = Path(
        "faces"
    ),
    video: Annotated[
        Path | None,
        typer.Option(help="Footage of the faces: a video, or the folder of its frames."),
    ] = None,
    first_number: Annotated[
        int, typer.Option(min=0, help="Number of the video's first frame in names of frames.")
    ] = 1,
    crop_size: Annotated[
        int, typer.Option(min=64, max=2048, help="Side of the stored crops in pixels.")
    ] = _DEFAULTS.crop_size,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing faceset.")
    ] = False,
) -> None:
    """Import a faceset of deepfakes/faceswap or DeepFaceLab.

    With --video the crops are cut from the footage, without it from the images of the faces.
    """
    settings = ExtractSettings(crop_size=crop_size, selection=Selection(min_size=1))
    with TemporaryDirectory(prefix="faceswap-") as scratch:
        faceset = open_peer_faceset(faces, Path(scratch))
        if faceset.without_header:
            images = counted(faceset.without_header, "image")
            note(f"Left out: {images} without a header of either program.")
        if video is not None:
            source = _footage(video)
            imported = faces_of_footage(faceset, source, first_number)
        elif faceset.crops is not None:
            source, imported = faceset.crops, faces_of_crops(faceset)
        else:
            raise MediaError(f"{faces} has no images of the faces.", "Add --video FOOTAGE.")
        report = extract_with_progress(
            source, output / source.name, settings, imported=imported, overwrite=overwrite
        )
    note(describe(report, str(output / source.name)))


def _footage(path: Path) -> Source:
    sources = find_sources([path])
    if len(sources) != 1:
        raise MediaError(
            f"Expected one video, or a folder of frames, found {len(sources)} sources in {path}.",
            "Give the path of the video.",
        )
    return sources[0]


if __name__ == "__main__":
    run_command(import_faceset)
