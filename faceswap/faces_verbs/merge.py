"""``faceswap faces merge``: one faceset of several of one source."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.text import counted
from faceswap.curation.merging import check_mergeable, merge_facesets
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import open_facesets
from faceswap.facesets.subjects import subject_hint
from faceswap.provenance.subject import is_unstated


def merge(
    facesets: Facesets,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory of the new faceset.")],
) -> None:
    """Write one faceset with the faces of several of the same source, each face once.

    Facesets of different sources need no merging: training takes several of one identity.
    """
    opened = open_facesets(facesets)
    check_mergeable(opened)
    count = sum(len(faceset.faces()) for faceset in opened)
    with progress_bar("merge", count, unit="faces") as advance:
        merged = merge_facesets(opened, output, advance)
    note(f"{output}: {counted(merged, 'face')} of {counted(len(opened), 'faceset')}.")
    if len({repr(faceset.subject) for faceset in opened}) > 1 or is_unstated(opened[0].subject):
        note(f"{output}: {subject_hint(output)}")
