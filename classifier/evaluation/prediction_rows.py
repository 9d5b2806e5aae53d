"""Rows of predictions as text, JSON, CSV or Parquet."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.errors import ConfigError
from faceswap.core.files import atomic_path

Row = dict[str, Any]
"""Prediction of a file by column; a nested dictionary gives a value for each class."""
Form = Literal["text", "lines", "json", "csv", "parquet"]
"""Form of the rows; "lines" are JSON lines, "json" is one JSON array."""
WriteRow = Callable[[Row], None]

_BY_SUFFIX: dict[str, Form] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "lines",
    ".parquet": "parquet",
    ".txt": "text",
}
_AT_ONCE = 10_000  # rows of a row group in Parquet


def choose_form(output: Path | None, *, lines: bool, as_csv: bool) -> Form:
    """Form of the rows that the options and the suffix of the output ask for.

    Args:
        output: File of the rows; None for stdout.
        lines: Whether JSON lines are asked for.
        as_csv: Whether CSV is asked for.

    Raises:
        ConfigError: They contradict each other, or the suffix says nothing.
    """
    if lines and as_csv:
        raise ConfigError("--json and --csv are mutually exclusive.", "Choose one.")
    asked: Form | None = "lines" if lines else "csv" if as_csv else None
    if output is None:
        return asked or "text"
    meant = _BY_SUFFIX.get(output.suffix.lower())
    if meant is None and asked is None:
        raise ConfigError(
            f"Expected an output file ending in {', '.join(_BY_SUFFIX)}, found {output.name!r}.",
            "Change the suffix of --output.",
        )
    if asked and meant not in (None, asked) and (asked, meant) != ("lines", "json"):
        option = "--json" if lines else "--csv"
        raise ConfigError(
            f"{option} and the suffix of {output.name} contradict each other.",
            f"Leave out {option}, or change the suffix.",
        )
    form = asked or meant
    assert form is not None, "one of them is given"
    return form


class RowText:
    """Rows as text, one after the other.

    Args:
        form: "text", "lines" or "csv"; CSV starts with a header.
    """

    def __init__(self, form: Form) -> None:
        self._form, self._columns = form, list[str]()

    def __call__(self, row: Row) -> str:
        """The row, with a line feed at its end."""
        if self._form == "csv":
            return self._csv(row)
        if self._form == "lines":
            return json.dumps(row, ensure_ascii=False) + "\n"
        if "class" in row:
            return f"{row['path']}: {row['class']} ({100 * row['probability']:.1f} %)\n"
        most = sorted(row["fractions"].items(), key=lambda item: -item[1])[:3]
        listed = ", ".join(f"{name} {100 * fraction:.1f} %" for name, fraction in most)
        return f"{row['path']}: {listed}; {row['mask']}\n"

    def _csv(self, row: Row) -> str:
        flat = {name: value for name, value in row.items() if not isinstance(value, dict)}
        inner = [
            item for value in row.values() if isinstance(value, dict) for item in value.items()
        ]
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        if not self._columns:
            self._columns = [*flat, *(name for name, _ in inner)]
            writer.writerow(self._columns)
        writer.writerow([*flat.values(), *(value for _, value in inner)])
        return buffer.getvalue()


@contextmanager
def row_file(path: Path, form: Form) -> Iterator[WriteRow]:
    """A function that writes rows to a file, which is complete or absent.

    Args:
        path: File; an existing one is replaced.
        form: Form of the rows.
    """
    with atomic_path(path) as temporary:
        if form == "parquet":
            with _parquet_writer(temporary) as write:
                yield write
        else:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                if form == "json":
                    with _array_writer(file) as write:
                        yield write
                else:
                    yield _text_writer(file, RowText(form))


def _text_writer(file: TextIO, text: RowText) -> WriteRow:
    def write(row: Row) -> None:
        file.write(text(row))

    return write


@contextmanager
def _array_writer(file: TextIO) -> Iterator[WriteRow]:
    separator = "[\n"

    def write(row: Row) -> None:
        nonlocal separator
        file.write(separator + json.dumps(row, ensure_ascii=False))
        separator = ",\n"

    yield write
    file.write("\n]\n" if separator == ",\n" else "[]\n")


@contextmanager
def _parquet_writer(path: Path) -> Iterator[WriteRow]:
    rows: list[Row] = []
    writer: pq.ParquetWriter | None = None

    def flush() -> None:
        nonlocal writer
        table = pa.Table.from_pylist(rows)
        if writer is None:
            writer = pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
        rows.clear()

    def write(row: Row) -> None:
        rows.append(row)
        if len(rows) == _AT_ONCE:
            flush()

    try:
        yield write
        if rows or writer is None:
            flush()
    finally:
        if writer is not None:
            writer.close()
