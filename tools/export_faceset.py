"""Exports a faceset to deepfakes/faceswap or DeepFaceLab.

python tools/export_faceset.py faces/alice --to faceswap -o alice-faceswap
python tools/export_faceset.py faces/alice --to deepfacelab --pack --video clip.mp4 -o alice-dfl
"""

from pathlib import Path
from typing import Annotated, Literal

import typer
from peers.exporting import export_to_deepfacelab, export_to_faceswap

from faceswap.core.command_line import run_command
from faceswap.core.console import note, progress_bar
from faceswap.core.errors import ConfigError, OutputExistsError
from faceswap.core.text import counted
from faceswap.facesets.faceset import Faceset
from faceswap.media.sources import find_sources


def export_faceset(
    faceset: Annotated[Path, typer.Argument(help="Faceset.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="New or empty folder.")],
    to: Annotated[Literal["faceswap", "deepfacelab"], typer.Option(help="Program to export to.")],
    video: Annotated[
        Path | None, typer.Option(help="Source of the faceset, to cut the crops from.")
    ] = None,
    size: Annotated[int, typer.Option(min=64, max=2048, help="Side of the crops in pixels.")] = 512,
    pack: Annotated[
        bool, typer.Option("--pack", help="Write faceset.pak (DeepFaceLab) instead of images.")
    ] = False,
) -> None:
    """Export a faceset to deepfakes/faceswap or DeepFaceLab.

    With --video the crops are cut from the footage, without it from the stored ones, which reach
    less far.
    """
    if pack and to == "faceswap":
        raise ConfigError(
            "Expected --pack with --to deepfacelab: deepfakes/faceswap has no packed facesets.",
            "Omit --pack.",
        )
    opened = Faceset.open(faceset)
    footage = None if video is None else find_sources([video])[0]
    if output.exists() and any(output.iterdir()):
        raise OutputExistsError(f"{output} holds files already.", "Choose another --output.")
    output.mkdir(parents=True, exist_ok=True)
    count = len(opened.trainable())
    with progress_bar(f"export {opened.name}", count, unit="faces") as advance:
        if to == "faceswap":
            export_to_faceswap(opened, output, size, footage, lambda: advance(1))
        else:
            export_to_deepfacelab(opened, output, size, footage, lambda: advance(1), packed=pack)
    note(f"{opened.name}: {counted(count, 'face')} -> {output}")


if __name__ == "__main__":
    run_command(export_faceset)
