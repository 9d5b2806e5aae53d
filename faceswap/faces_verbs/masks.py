"""``faceswap faces masks``: adds masks to facesets."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import TextTable, progress_bar, show_table
from faceswap.core.device import pick_device
from faceswap.curation.masking import has_masks, make_masks, set_default
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import open_facesets
from faceswap.maskers import Masker, build_maskers, maskers, split_names

_Names = Annotated[
    list[str] | None,
    typer.Option(
        help=f"Masker; may be repeated: {', '.join(maskers.names())}.", show_default="hull"
    ),
]
_Model = Annotated[
    Path | None,
    typer.Option(
        help="Run or model of `classifier train` for --masker segmentation; default: face_masks "
        "among the weights."
    ),
]


def masks(
    facesets: Annotated[list[Path], typer.Argument(help="Facesets, or folders of facesets.")],
    masker: _Names = None,
    mask_model: _Model = None,
    default: Annotated[
        bool, typer.Option("--default", help="Use the masks of the first masker from now on.")
    ] = False,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Make masks again that exist already.")
    ] = False,
) -> None:
    """Add masks to facesets, made from their crops; or replace those of another network.

    If it is interrupted, run the same command again to resume.
    """
    names = split_names(masker) or ("hull",)
    built = build_maskers(names, str(pick_device(device)), mask_model)
    table = TextTable("faceset", "masker", "masks", "")
    for faceset in open_facesets(facesets):
        for name, each in built.items():
            made = overwrite or not has_masks(faceset, name, each)
            count = _make(faceset, name, each) if made else len(faceset.faces())
            table.add_row(str(faceset.path), name, f"{count:,}", "" if made else "already there")
        if default:
            set_default(faceset.path, names[0])
    show_table(table)


def _make(faceset: Faceset, name: str, masker: Masker) -> int:
    with progress_bar(f"{name} of {faceset.name}", len(faceset.faces()), unit="faces") as advance:
        return make_masks(faceset.path, name, masker, on_faces=advance)
