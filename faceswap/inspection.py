"""The verb ``faceswap inspect``: reads and verifies the provenance of files."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from faceswap.core.console import TextTable, show_table, write_line
from faceswap.core.errors import FaceswapError, MediaError
from faceswap.facesets.subjects import NoRecordsError, Records, find_records
from faceswap.media.sources import Source, find_sources
from faceswap.provenance.describe import as_json, describe, headline, verdict
from faceswap.provenance.file_provenance import FileProvenance, read_provenance
from faceswap.provenance.subject import describe_records

_MODEL_FILES = (".safetensors", ".json")
_WIDEST = 100


def inspect(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Images, videos, folders of them, facesets, models or runs."),
    ],
    trust: Annotated[
        Path | None, typer.Option(help="Certificates (PEM) of the authorities you trust.")
    ] = None,
    evidence: Annotated[
        Path | None,
        typer.Option(help="File to compare with the evidence hash in the subject records."),
    ] = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read and verify the Content Credentials and metadata of files.

    Exit code 0: an intact manifest declares the content synthetic; 1: no manifest does; 3: a
    manifest is not valid, or the content was changed after signing. With several files the highest
    code counts. For facesets, models and runs the subject records are shown, with exit code 0.
    """
    anchors = _read_certificates(trust) if trust else b""
    found: list[dict[str, Any]] = []
    worst = 0
    for path in paths:
        for item in _inspect(path, anchors):
            if isinstance(item, FileProvenance):
                worst = max(worst, verdict(item))
                found.append(as_json(item))
            else:
                found.append({"path": str(path), "subjects": item})
            if not json_wanted:
                show_table(_as_table(path, item, evidence))
    if json_wanted:
        write_line(json.dumps(found, indent=2))
    if worst:
        raise typer.Exit(worst)


def _read_certificates(path: Path) -> bytes:
    if not path.is_file():
        raise MediaError(f"There is no file {path}.", "Give a file of certificates in PEM format.")
    return path.read_bytes()


def _inspect(path: Path, anchors: bytes) -> Iterator[FileProvenance | Records]:
    if path.is_file() and path.suffix not in _MODEL_FILES:
        yield read_provenance(path, anchors)
        return
    if not path.exists():
        raise MediaError(f"There is no file or folder {path}.", "Check the path.")
    try:
        records = find_records(path)
    except FaceswapError as problem:
        for source in _footage(path, problem):
            yield from (read_provenance(file, anchors) for file in source.files)
    else:
        yield records


def _footage(path: Path, problem: FaceswapError) -> list[Source]:
    """Footage in a folder that has no records, or whose records are of another program."""
    if path.is_file():
        raise problem
    try:
        return find_sources([path], with_results=True)
    except FaceswapError as error:
        raise error if isinstance(problem, NoRecordsError) else problem from error


def _as_table(path: Path, item: FileProvenance | Records, evidence: Path | None) -> TextTable:
    if isinstance(item, FileProvenance):
        title, lines = f"{item.path}: {headline(item)}", list(describe(item, evidence))
    else:
        title, lines = f"{path}: subject records", _subject_lines(item)
    width = min(len(title), _WIDEST)  # a title is folded to the width of its table
    table = TextTable(title=title, least_width=width)
    table.show_header = False
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for topic, text in lines:
        table.add_row(topic, text)
    return table


def _subject_lines(records: Records) -> Sequence[tuple[str, str]]:
    return [(name, describe_records(sets)) for name, sets in records.items()]
