"""``faceswap faces export`` and ``import``: tables of facesets as JSON Lines."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.outputs import check_outputs
from faceswap.core.text import counted
from faceswap.curation.json_table import export_json, import_json
from faceswap.facesets.faceset import Faceset


def export(
    faceset: Annotated[Path, typer.Argument(help="Faceset.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write, such as a.jsonl.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace an existing file.")
    ] = False,
) -> None:
    """Write record and table of a faceset as JSON Lines: the record first, then a line a face."""
    opened = Faceset.open(faceset)
    check_outputs([output], overwrite=overwrite)
    count = len(opened.faces())
    with progress_bar(f"export {opened.name}", count, unit="faces") as advance:
        export_json(opened, output, advance)
    note(f"{output}: {counted(count, 'face')}.")


def import_table(
    file: Annotated[Path, typer.Argument(help="File that `faceswap faces export` wrote.")],
    faceset: Annotated[
        Path, typer.Argument(help="Faceset whose record and table are replaced, or a new one.")
    ],
) -> None:
    """Replace record and table of a faceset by those of a file; images and masks stay."""
    with progress_bar(f"import {file.name}", None, unit="faces") as advance:
        count = import_json(file, faceset, advance)
    note(f"{faceset}: {counted(count, 'face')}.")
