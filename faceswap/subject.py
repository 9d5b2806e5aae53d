"""The verb ``faceswap subject``: shows and sets the subject records of facesets."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from faceswap.core.console import TextTable, note, show_table, write_line
from faceswap.core.errors import FacesetError
from faceswap.facesets.record import read_record
from faceswap.facesets.subjects import Records, find_records, is_faceset, set_subject
from faceswap.provenance.subject import BASES, Evidence, Subject, is_unstated, matches_evidence

_MISMATCH = 3  # exit code
_MAX_WIDTH = 100  # characters


def subject(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Facesets. Folders of facesets, models and runs can only be shown."),
    ],
    name: Annotated[str | None, typer.Option(help="Name or pseudonym of the person.")] = None,
    basis: Annotated[
        str | None,
        typer.Option(help=f"Basis on which the person may be shown: {', '.join(BASES)}."),
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Reference of the basis: release number, licence, URL.")
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="File such as a signed release; its name and hash are stored."),
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Check whether this file is the stored evidence.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the records as JSON.")] = False,
) -> None:
    """Show or set the person in facesets and the basis on which they may be shown.

    Options that are not given keep their value, but a new --basis drops the old evidence. Exit code
    3 if the file of --check is not the evidence of every record.
    """
    if any(given is not None for given in (name, basis, reference, evidence)):
        kept = Evidence.of(evidence) if evidence else None
        # All are read before the first is changed.
        changed = [(path, _changed(path, name, basis, reference, kept)) for path in paths]
        for path, record in changed:
            set_subject(path, record)
    found = {path: find_records(path) for path in paths}
    records = [record for each in found.values() for sets in each.values() for record in sets]
    answers = [matches_evidence(record, check) for record in records] if check else []
    if as_json:
        write_line(json.dumps({str(path): each for path, each in found.items()}, indent=2))
    else:
        for path, each in found.items():
            show_table(_as_table(path, each, check))
    if not as_json and any(is_unstated(record) for record in records):
        note("Some records state no basis. Set it with --basis.")
    if not all(answers):
        raise typer.Exit(_MISMATCH)


def _changed(
    path: Path,
    name: str | None,
    basis: str | None,
    reference: str | None,
    evidence: Evidence | None,
) -> Subject:
    """The record of a faceset with the given values replaced."""
    if not is_faceset(path) and find_records(path):
        raise FacesetError(
            f"Expected a faceset, found several, a model or a run in {path}.",
            "Set the records of the facesets; a model copies them when its training is started or "
            "resumed.",
        )
    old = Subject.from_json(read_record(path)["subject"])
    if basis is not None and basis != old.basis:
        old = replace(old, evidence=None)
    given: dict[str, Any] = {"name": name, "basis": basis, "reference": reference}
    given["evidence"] = evidence
    return replace(old, **{key: value for key, value in given.items() if value is not None})


def _as_table(path: Path, records: Records, check: Path | None) -> TextTable:
    width = min(len(str(path)), _MAX_WIDTH)  # a title is folded to the width of its table
    table = TextTable(title=str(path), least_width=width)
    for column in ("identity or source", "name", "basis", "reference", "evidence"):
        table.add_column(column, overflow="fold")
    for identity, sets in records.items():
        for record in sets or [Subject().to_json()]:
            table.add_row(*_cells(identity, record, check))
    return table


def _cells(identity: str, record: dict[str, Any], check: Path | None) -> tuple[str, ...]:
    stated = Subject.from_json(record)
    shown = f"{stated.evidence.file} {stated.evidence.sha256[:12]}..." if stated.evidence else ""
    if check:
        results = {True: "matches", False: "does not match", None: "none stored"}
        shown = results[matches_evidence(record, check)]
    return identity, stated.name or "unstated", stated.basis, stated.reference, shown
