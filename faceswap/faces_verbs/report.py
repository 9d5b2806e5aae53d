"""``faceswap faces report``: one HTML page on what faces show and what is missing."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar
from faceswap.core.files import write_json
from faceswap.core.outputs import claim_files, is_taken
from faceswap.curation.analysis import Analysis, analyse, as_json
from faceswap.curation.measured_faces import measure_faces
from faceswap.curation.report import is_report, write_report
from faceswap.curation.report_gaps import film_next
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.found import open_facesets

_NAMED = 2  # paths in a label
_Side = tuple[Sequence[Path], Sequence[Faceset]]


def report(
    facesets: Facesets,
    against: Annotated[
        list[Path] | None,
        typer.Option(help="Facesets in which counterparts are looked for. Repeatable."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="HTML file. [default: NAME-report.html beside it]"),
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers into this JSON file too.")
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace files that are not of a report.")
    ] = False,
) -> None:
    """Write a page on poses, sharpness, size, light, expressions, people and near-duplicates.

    With --against, it shows which poses, expressions and lights the other faces lack: what to film
    next. The page opens offline. Removed images are not counted.
    """
    opened, others = open_facesets(facesets), open_facesets(against or [])
    page = output or _default(facesets[0], against or [])
    files = [page, *([json_file] if json_file else [])]
    replaced = overwrite or all(is_report(file) for file in files if is_taken(file))
    with claim_files(files, "the report", overwrite=replaced):
        analysis = _analyse((facesets, opened), (against or [], others))
        write_report(analysis, page)
        if json_file:
            write_json(json_file, as_json(analysis))
    if analysis.comparison:
        for line in film_next(analysis.faces, analysis.comparison):
            note(line)
    note(f"Report: {page}.")


def _analyse(first: _Side, second: _Side) -> Analysis:
    total = sum(len(faceset.trainable()) for _, opened in (first, second) for faceset in opened)
    with progress_bar("read faces", total, unit="faces") as advance:
        faces = measure_faces(_label(first[0]), first[1], advance)
        other = measure_faces(_label(second[0]), second[1], advance) if second[1] else None
    with progress_bar("compare", len(faces) * (2 if other else 1), unit="faces") as advance:
        return analyse(faces, other, advance)


def _label(paths: Sequence[Path]) -> str:
    names = [path.resolve().name for path in paths[:_NAMED]]
    more = len(paths) - _NAMED
    return ", ".join(names) + (f" and {more} more" if more > 0 else "")


def _default(first: Path, against: Sequence[Path]) -> Path:
    place = first.resolve()
    beside = f"-against-{against[0].resolve().name}" if against else ""
    return place.with_name(f"{place.name}{beside}-report.html")
