"""Tables on disk: CSV and Parquet lists, and images stored in Parquet."""

import json
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from faceswap.core.errors import MediaError

SUFFIXES = (".csv", ".parquet", ".pq")
HINT = (
    "Expected the columns path (or file, image) and either label (or class) or mask. Optional "
    "columns: split (train, validation, test), group. Paths are relative to the list."
)
_MOST_BYTES = 1 << 30
"""Size in bytes of a CSV file, or of the decompressed text of a Parquet file."""
_MOST_IMAGE_BYTES = 2 << 30
"""Decompressed size in bytes of the images that are read at once: those of a row group."""
_reading = threading.Lock()


def is_parquet(path: Path) -> bool:
    """Whether a file is read as Parquet; other lists are CSV."""
    return path.suffix.lower() in (".parquet", ".pq")


def read_schema(path: Path) -> pa.Schema:
    """Columns of a list; those of CSV are text.

    Raises:
        MediaError: Unreadable, or two columns of one name.
    """
    with _typed_errors(path):
        if is_parquet(path):
            schema = pq.read_schema(path)
        else:
            _require_size(path, path.stat().st_size, _MOST_BYTES)
            with pa_csv.open_csv(path) as reader:
                schema = pa.schema([(name, pa.string()) for name in reader.schema.names])
        names = [str(name) for name in schema.names]
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise MediaError(
            f"{path} has more than one column {repeated[0]!r}.", "Remove or rename one of them."
        )
    return schema


def read_columns(path: Path, names: Sequence[str]) -> dict[str, list[object]]:
    """Values of some columns of a list, by name.

    Raises:
        MediaError: Unreadable, or larger than the program reads.
    """
    with _typed_errors(path):
        if is_parquet(path):
            with pq.ParquetFile(path) as file:
                _require_size(path, _decompressed(file.metadata, names), _MOST_BYTES)
                table = file.read(columns=list(names))
        else:
            # As text: the labels 01 and 1 differ.
            types = dict.fromkeys(read_schema(path).names, pa.string())
            options = pa_csv.ConvertOptions(column_types=types, include_columns=list(names))
            table = pa_csv.read_csv(path, convert_options=options)
        return {name: table.column(name).to_pylist() for name in names}


def holds_images(field: pa.Field) -> bool:
    """Whether a column holds encoded images: bytes, or ``{bytes, path}`` (Hugging Face)."""
    kind = field.type
    if pa.types.is_struct(kind):
        place = kind.get_field_index("bytes")
        return place >= 0 and _is_bytes(kind.field(place).type)
    return _is_bytes(kind)


def class_names(schema: pa.Schema, column: str) -> list[str] | None:
    """Names of the integer labels of a column, from the metadata of Hugging Face; None without."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
        names = features[column]["names"]
    except (TypeError, KeyError, ValueError, RecursionError):
        return None
    known = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if known else None


def read_stored_image(path: Path, row: int, column: str) -> bytes:
    """Encoded image of a row of a Parquet file; the last row groups are cached.

    Raises:
        MediaError: Unreadable, or larger than the program reads.
    """
    changed = path.stat().st_mtime_ns
    with _reading:  # many threads want the same group
        starts = _group_starts(path, changed)
        group = next(number for number, start in enumerate(starts) if start > row) - 1
        value = _read_group(path, changed, group, column)[row - starts[group]].as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    return value or b""


@lru_cache(maxsize=4)
def _group_starts(path: Path, _changed: int) -> tuple[int, ...]:
    """First row of each row group, and the number of rows."""
    with _typed_errors(path):
        metadata = pq.read_metadata(path)
        starts = [0]
        for group in range(metadata.num_row_groups):
            starts.append(starts[-1] + metadata.row_group(group).num_rows)
    return tuple(starts)


@lru_cache(maxsize=2)
def _read_group(path: Path, _changed: int, group: int, column: str) -> pa.ChunkedArray:
    with _typed_errors(path), pq.ParquetFile(path) as file:
        size = file.metadata.row_group(group).total_byte_size
        _require_size(path, size, _MOST_IMAGE_BYTES)
        return file.read_row_group(group, columns=[column]).column(column)


def _decompressed(metadata: pq.FileMetaData, names: Sequence[str]) -> int:
    """Decompressed size in bytes of some columns."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    columns = [group.column(n) for group in groups for n in range(group.num_columns)]
    return sum(
        column.total_uncompressed_size
        for column in columns
        if column.path_in_schema.split(".")[0] in names
    )


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _require_size(path: Path, size: int, most: int) -> None:
    if size > most:
        raise MediaError(
            f"Expected at most {most >> 20} MiB to read from {path} at once, found {size >> 20}.",
            "Divide the file, or write smaller row groups.",
        )


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    try:
        yield
    # UnicodeDecodeError, a ValueError, comes from names and values that are not UTF-8.
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise MediaError(f"{path} cannot be read as a list: {error}.", HINT) from error
