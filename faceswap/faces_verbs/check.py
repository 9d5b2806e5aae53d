"""``faceswap faces check`` and ``repair``: find and repair what is wrong with facesets."""

from pathlib import Path
from typing import Annotated

import typer

from faceswap.core.console import note, progress_bar, write_line
from faceswap.core.text import counted
from faceswap.curation.checking import Report, check_faceset
from faceswap.curation.repairing import drop_rows, repair_faceset
from faceswap.faces_verbs.arguments import Facesets
from faceswap.facesets.found import find_facesets

_WRONG = 1  # exit code
_SHOWN = 10  # findings of one kind


def check(facesets: Facesets) -> None:
    """Report everything that is wrong with facesets; exit code 1 if anything is.

    Faces whose crops were deleted or removed are counted, and are not wrong.
    """
    reports = [_check(path) for path in find_facesets(facesets)]
    for report in reports:
        _show(report)
    if any(report.findings for report in reports):
        if any(finding.repairable for report in reports for finding in report.findings):
            note("`faceswap faces repair` corrects what is marked with *.")
        raise typer.Exit(_WRONG)


def repair(
    facesets: Facesets,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop-rows",
            help="Also drop the rows of faces whose crops were deleted; this cannot be undone.",
        ),
    ] = False,
) -> None:
    """Mend what `faceswap faces check` marks; exit code 1 if something is left.

    Renamed crops get their names back, those saved in another format or size are adopted, damaged
    ones are set aside in removed/, and masks are computed again. Stray files are left alone.
    """
    left = False
    for path in find_facesets(facesets):
        report = _check(path)
        for finding in repair_faceset(report):
            write_line(f"{path}: {finding.file}: {finding.text}; {finding.remedy}: done.")
        whole = all(finding.kind != "faceset" for finding in report.findings)
        if drop and whole and (dropped := drop_rows(path)):
            write_line(f"{path}: {counted(dropped, 'row')} dropped.")
        report = _check(path)
        _show(report)
        left |= bool(report.findings)
    if left:
        raise typer.Exit(_WRONG)


def _check(path: Path) -> Report:
    with progress_bar(f"check {path.name}", None, unit="crops") as advance:
        return check_faceset(path, advance)


def _show(report: Report) -> None:
    state = f"{len(report.findings)} found" if report.findings else "nothing wrong"
    if any(finding.kind == "faceset" for finding in report.findings):
        write_line(f"{report.path}: it cannot be opened.")
    else:
        write_line(
            f"{report.path}: {state}; {counted(report.faces, 'face')}, {report.images} with crops, "
            f"{report.removed} removed, {report.deleted} deleted."
        )
    shown: dict[str, int] = {}
    for finding in report.findings:
        shown[finding.kind] = shown.get(finding.kind, 0) + 1
        if shown[finding.kind] <= _SHOWN:
            mark = "*" if finding.repairable else "-"
            where = f"{finding.file}: " if finding.file else ""
            write_line(f"  {mark} {where}{finding.text}. {_sentence(finding.remedy)}")
    for kind, count in shown.items():
        if count > _SHOWN:
            write_line(f"    ... and {count - _SHOWN} more of the kind {kind!r}.")


def _sentence(remedy: str) -> str:
    return remedy if remedy.endswith(".") else f"Repair: {remedy}."
