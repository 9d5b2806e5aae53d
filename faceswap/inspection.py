"""The verb ``faceswap inspect``: what the marks of files say and whether they hold."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from faceswap.core.console import show_table
from faceswap.core.errors import FaceswapError, MediaError
from faceswap.facesets.subjects import Records, find_records
from faceswap.media.sources import find_sources
from faceswap.provenance.describe import as_json, describe, headline, verdict
from faceswap.provenance.file_provenance import FileProvenance, read_provenance
from faceswap.provenance.subject import describe_records

_MODEL_FILES = (".safetensors", ".json")
_WIDEST = 100


def inspect(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Images, videos, folders of them; also facesets, models and runs."),
    ],
    trust: Annotated[
        Path | None, typer.Option(help="Certificates (PEM) of authorities whose word you take.")
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(help="Compare this file with the evidence that is recorded.")
    ] = None,
    json_wanted: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what the marks of files say, who signed them, and whether they still hold.

    Exit code 0: an intact signed mark says that it is synthetic; 1: none does; 3: a mark was broken
    or the content changed. Of several files the worst counts. Facesets, models and runs give 0.
    """
    anchors = _content(trust) if trust else b""
    found: list[dict[str, Any]] = []
    worst = 0
    for path in paths:
        for item in _look_at(path, anchors):
            if isinstance(item, FileProvenance):
                worst = max(worst, verdict(item))
                found.append(as_json(item))
            else:
                found.append({"path": str(path), "subjects": item})
            if not json_wanted:
                show_table(_as_table(path, item, evidence))
    if json_wanted:
        typer.echo(json.dumps(found, indent=2))
    if worst:
        raise typer.Exit(worst)


def _content(path: Path) -> bytes:
    if not path.is_file():
        raise MediaError(f"There is no file {path}.", "Give certificates in PEM form.")
    return path.read_bytes()


def _look_at(path: Path, anchors: bytes) -> Iterator[FileProvenance | Records]:
    if path.is_file() and path.suffix not in _MODEL_FILES:
        yield read_provenance(path, anchors)
        return
    if not path.exists():
        raise MediaError(f"There is no file or folder {path}.", "Check the path.")
    try:
        records = find_records(path)
    except FaceswapError:
        if path.is_file():
            raise
        for source in find_sources([path]):
            yield from (read_provenance(file, anchors) for file in source.files)
    else:
        yield records


def _as_table(path: Path, item: FileProvenance | Records, evidence: Path | None) -> Table:
    if isinstance(item, FileProvenance):
        title, lines = f"{item.path}: {headline(item)}", list(describe(item, evidence))
    else:
        title, lines = f"{path}: whose faces", _about_people(item)
    width = min(len(title), _WIDEST)  # a title is folded to the width of its table
    table = Table(
        title=Text(_printable(title)), title_justify="left", show_header=False, min_width=width
    )
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold", ratio=1)
    for about, said in lines:
        table.add_row(about, Text(_printable(said)))
    return table


def _printable(text: str) -> str:
    """What strangers wrote must not steer the terminal."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text
    )


def _about_people(records: Records) -> Sequence[tuple[str, str]]:
    return [(name, describe_records(sets)) for name, sets in records.items()]
