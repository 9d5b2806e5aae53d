"""The verb ``faceswap subject``: shows or sets who is in facesets and on what basis."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from faceswap.core.console import note, show_table
from faceswap.core.errors import FacesetError
from faceswap.facesets.faceset import read_record
from faceswap.facesets.subjects import Records, find_records, is_faceset, set_subject
from faceswap.provenance.subject import BASES, Evidence, Subject, is_unstated, matches_evidence

_MISMATCH = 3
_WIDEST = 100


def subject(
    paths: Annotated[
        list[Path], typer.Argument(help="Facesets, or folders of them; to show, models and runs.")
    ],
    name: Annotated[str | None, typer.Option(help="Name or pseudonym.")] = None,
    basis: Annotated[
        str | None, typer.Option(help=f"Why they may be shown: {', '.join(BASES)}.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="Number of the release, licence, address; free text.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Signed release; its name and hash are kept.")
    ] = None,
    check: Annotated[
        Path | None, typer.Option(help="Say whether this file still is the evidence.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show or set who is in facesets, and on what basis they may be shown.

    What is not named stays as it was; but evidence belongs to the basis it was given for. Exit code
    0; 3: the file of --check is not the evidence of all of them.
    """
    if any(given is not None for given in (name, basis, reference, evidence)):
        kept = Evidence.of(evidence) if evidence else None
        # All of them are looked at before the first is changed.
        changed = [(path, _changed(path, name, basis, reference, kept)) for path in paths]
        for path, record in changed:
            set_subject(path, record)
    found = {path: find_records(path) for path in paths}
    records = [record for each in found.values() for sets in each.values() for record in sets]
    answers = [matches_evidence(record, check) for record in records] if check else []
    if as_json:
        typer.echo(json.dumps({str(path): each for path, each in found.items()}, indent=2))
    else:
        for path, each in found.items():
            show_table(_as_table(path, each, check))
    if not as_json and any(is_unstated(record) for record in records):
        note("Unstated: nobody has said on what basis these people may be shown.")
    if not all(answers):
        raise typer.Exit(_MISMATCH)


def _changed(
    path: Path,
    name: str | None,
    basis: str | None,
    reference: str | None,
    evidence: Evidence | None,
) -> Subject:
    """The record of a faceset with what was given in place of what was there."""
    if not is_faceset(path) and find_records(path):
        raise FacesetError(
            f"{path} is not one faceset.",
            "Set the records of its facesets one by one; a model takes them over when its training "
            "is started, or goes on.",
        )
    old = Subject.from_json(read_record(path)["subject"])
    if basis is not None and basis != old.basis:
        old = replace(old, evidence=None)
    given: dict[str, Any] = {"name": name, "basis": basis, "reference": reference}
    given["evidence"] = evidence
    return replace(old, **{key: value for key, value in given.items() if value is not None})


def _as_table(path: Path, records: Records, check: Path | None) -> Table:
    width = min(len(str(path)), _WIDEST)  # a title is folded to the width of its table
    table = Table(title=Text(str(path)), title_justify="left", min_width=width)
    for column in ("whose faces", "name", "basis", "reference", "evidence"):
        table.add_column(column, overflow="fold")
    for identity, sets in records.items():
        for record in sets or [Subject().to_json()]:
            table.add_row(*(Text(cell) for cell in _cells(identity, record, check)))
    return table


def _cells(identity: str, record: dict[str, Any], check: Path | None) -> tuple[str, ...]:
    who = Subject.from_json(record)
    kept = f"{who.evidence.file} {who.evidence.sha256[:12]}..." if who.evidence else ""
    if check:
        words = {True: "matches", False: "does not match", None: "none is kept"}
        kept = words[matches_evidence(record, check)]
    return identity, who.name or "unstated", who.basis, who.reference, kept
