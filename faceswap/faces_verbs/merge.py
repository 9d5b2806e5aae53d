"""``faceswap faces merge``: one faceset of several of one source, a folder of those of several."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.text import counted, shell_word
from faceswap.curation.merging_sources import by_source, merge_sources
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import open_facesets
from faceswap.facesets.subjects import subject_hint
from faceswap.provenance.subject import is_unstated


def merge(
    facesets: Facesets,
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="Directory of the new faceset, or folder for those of sources."
        ),
    ],
) -> None:
    """Write one faceset with the faces of several of the same source, each face once.

    Of several sources it writes a folder with one faceset for each: training and all other
    subcommands take the folder.
    """
    opened = open_facesets(facesets)
    groups = by_source(opened)
    count = sum(len(faceset.faces()) for faceset in opened)
    with progress_bar("merge", count, unit="faces") as advance:
        merged = merge_sources(opened, output, advance)
    for (path, faces), group in zip(merged.items(), groups.values(), strict=True):
        note(f"{path}: {counted(faces, 'face')} of {counted(len(group), 'faceset')}.")
        if len({repr(faceset.subject) for faceset in group}) > 1 or is_unstated(group[0].subject):
            note(f"{path}: {subject_hint(path)}")
    if len(merged) > 1:
        command = f"faceswap train --faces {shell_word(f'NAME={output}')}"
        note(f"{output}: {counted(len(merged), 'source')}. Train with `{command}`.")
