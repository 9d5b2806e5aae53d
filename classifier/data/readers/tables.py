"""Tables on disk: CSV and Parquet lists, and images stored in Parquet."""

import threading
from bisect import bisect_right
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from faceswap.core.documents import parse_json, size_limit, too_large
from faceswap.core.errors import DocumentError, MediaError
from faceswap.core.files import regular_file
from faceswap.core.parquet_footer import read_sizes
from faceswap.core.table_documents import check_names_differ, read_table

SUFFIXES = (".csv", ".parquet", ".pq")
HINT = (
    "Expected the columns path (or file, image) and either label (or class) or mask. Optional "
    "columns: split (train, validation, test), group. Paths are relative to the list."
)
_CSV_BYTES = 256 << 20
_IMAGE_BYTES = 2 << 30  # of the images in a row group, decompressed
_reading = threading.Lock()


def is_parquet(path: Path) -> bool:
    """Whether a file is read as Parquet; other lists are CSV."""
    return path.suffix.lower() in (".parquet", ".pq")


def read_schema(path: Path) -> pa.Schema:
    """Columns of a list; those of CSV are text.

    Raises:
        MediaError: Unreadable or too large, or two columns of one name.
    """
    with _typed_errors(path):
        if is_parquet(path):
            schema = pq.read_schema(regular_file(path))
        else:
            _require_size(path, regular_file(path).stat().st_size, _CSV_BYTES)
            with pa_csv.open_csv(path) as reader:
                schema = pa.schema([(name, pa.string()) for name in reader.schema.names])
        check_names_differ(schema, path, MediaError, "Remove or rename one of them.")
    return schema


def read_columns(path: Path, schema: pa.Schema) -> dict[str, list[object]]:
    """Values of columns of a list, by name.

    Args:
        path: List.
        schema: Some columns of ``read_schema``.

    Raises:
        MediaError: Unreadable, or too large.
    """
    with _typed_errors(path):
        if is_parquet(path):
            table = read_table(path, schema, nullable=schema.names, error=MediaError, hint=HINT)
        else:
            # As text: the labels 01 and 1 differ.
            types = dict.fromkeys(read_schema(path).names, pa.string())
            options = pa_csv.ConvertOptions(column_types=types, include_columns=schema.names)
            table = pa_csv.read_csv(path, convert_options=options)
        return {name: table.column(name).to_pylist() for name in schema.names}


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
        stored = parse_json(schema.metadata[b"huggingface"], "The metadata of the list")
        names = stored["info"]["features"][column]["names"]
    except (TypeError, LookupError, DocumentError):
        return None
    known = isinstance(names, list) and all(isinstance(name, str) for name in names)
    return names if known else None


def read_stored_image(path: Path, row: int, column: str) -> bytes:
    """Encoded image of a row of a Parquet file; the last row groups are cached.

    Raises:
        MediaError: Unreadable, or larger than the program reads.
    """
    changed = path.stat().st_mtime_ns
    with _reading, _typed_errors(path):  # many threads want the same group
        starts = _group_starts(path, changed)
        group = bisect_right(starts, row) - 1
        value = _read_group(path, changed, group, column)[row - starts[group]].as_py()
    if isinstance(value, dict):
        value = value.get("bytes")
    return value or b""


@lru_cache(maxsize=4)
def _group_starts(path: Path, _changed: int) -> tuple[int, ...]:
    """First row of each row group, and the number of rows."""
    with _typed_errors(path):
        return tuple(accumulate((group.rows for group in read_sizes(path).groups), initial=0))


@lru_cache(maxsize=2)
def _read_group(path: Path, _changed: int, group: int, column: str) -> pa.ChunkedArray:
    with _typed_errors(path), path.open("rb") as file:
        sizes = read_sizes(path).groups[group]
        _require_size(path, sizes.size_of([column]), _IMAGE_BYTES)
        # A short file may repeat an image any number of times, which a dictionary stores once.
        leaves = [one.path for one in sizes.within([column]) if one.is_bytes]
        parquet = pq.ParquetFile(file, pre_buffer=False, read_dictionary=leaves)
        return parquet.read_row_group(group, columns=[column], use_threads=False).column(column)


def _is_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _require_size(path: Path, size: int, usual: int) -> None:
    limit = size_limit(usual)
    if size > limit:
        raise too_large(path, limit, MediaError)


@contextmanager
def _typed_errors(path: Path) -> Iterator[None]:
    try:
        yield
    # UnicodeDecodeError, a ValueError, comes from names and values that are not UTF-8.
    except (OSError, ValueError, LookupError, pa.ArrowException) as error:
        why = str(error).partition("\n")[0][:200].rstrip(".")
        raise MediaError(f"{path} cannot be read as a list: {why}.", HINT) from error
