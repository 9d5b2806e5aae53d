"""The one way into Parquet: sizes and types are checked before the rows are read."""

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from faceswap.core.documents import parse_json, size_limit, too_large
from faceswap.core.errors import DocumentError, FaceswapError
from faceswap.core.files import regular_file
from faceswap.core.parquet_footer import ParquetSizes, sizes_of
from faceswap.core.row_groups import join_groups

_TABLE_BYTES = 512 << 20  # decoded, of any table
_LARGE_TABLE_BYTES = 4 << 30  # decoded, of a table whose file is large as well
_MOST_COMPRESSED = 8  # how many times smaller the file of a large table is, at most
_MOST_ROWS = 20_000_000
_LONGEST_TEXT = 4096  # bytes in a cell; what a path may have


def read_table(
    path: Path,
    schema: pa.Schema,
    *,
    nullable: Collection[str] = (),
    optional: Collection[str] = (),
    error: type[FaceswapError] = DocumentError,
    hint: str = "",
) -> pa.Table:
    """Reads and checks a Parquet file.

    Args:
        path: The file.
        schema: Columns to read, and their types; others in the file are ignored.
        nullable: Names of the columns of the schema in which values may be missing.
        optional: Names of the columns of the schema that the file may lack; they are then empty.
        error: Error type.
        hint: Remedy for a damaged file.

    Returns:
        The columns of the schema, in its order.

    Raises:
        FaceswapError: It is too large when decoded, not Parquet, or differs from the schema; the
            type is ``error``.
        OSError: It cannot be read; ``FileNotFoundError`` if it does not exist.
    """
    (table,) = _read(path, schema, {*nullable}, {*optional}, error, hint, in_groups=False)
    return table


def read_groups(
    path: Path,
    schema: pa.Schema,
    *,
    nullable: Collection[str] = (),
    optional: Collection[str] = (),
    error: type[FaceswapError] = DocumentError,
    hint: str = "",
) -> Iterator[pa.Table]:
    """Reads and checks a Parquet file one row group at a time; see ``read_table``."""
    return _read(path, schema, {*nullable}, {*optional}, error, hint, in_groups=True)


def read_schema(
    path: Path, *, error: type[FaceswapError] = DocumentError, hint: str = ""
) -> pa.Schema:
    """Reads names and types of the columns of a Parquet file.

    Raises:
        FaceswapError: It is not Parquet, or two columns have one name; the type is ``error``.
        OSError: It cannot be read; ``FileNotFoundError`` if it does not exist.
    """
    with _opened(path, error, hint) as file:
        return _sizes_and_schema(file, path, error, hint)[1]


@contextmanager
def _opened(path: Path, error: type[FaceswapError], hint: str) -> Iterator[BinaryIO]:
    if regular_file(path).is_dir():
        raise error(f"Expected a file, found a folder: {path}.", hint)
    with path.open("rb") as file, _library_errors(path, error, hint):
        yield file


def _sizes_and_schema(
    file: BinaryIO, path: Path, error: type[FaceswapError], hint: str
) -> tuple[ParquetSizes, pa.Schema]:
    sizes = sizes_of(file)  # first: the library ends the process when metadata are damaged
    schema = pq.ParquetFile(file, pre_buffer=False).schema_arrow
    check_names_differ(schema, path, error, hint)
    return sizes, schema


def _read(
    path: Path,
    schema: pa.Schema,
    nullable: set[str],
    optional: set[str],
    error: type[FaceswapError],
    hint: str,
    *,
    in_groups: bool,
) -> Iterator[pa.Table]:
    with _opened(path, error, hint) as file:
        sizes, found = _sizes_and_schema(file, path, error, hint)
        present = pa.schema(
            [field for field in schema if field.name in found.names or field.name not in optional]
        )
        _check_size(sizes, present, path, error, hint)
        _check_columns(found, present, path, error, hint)
        # Text stays in its dictionary until its length is known: a short file may repeat a long
        # text any number of times.
        parquet = pq.ParquetFile(file, pre_buffer=False, read_dictionary=_texts(present))

        def read_group(number: int) -> pa.Table:
            pa.default_memory_pool().release_unused()  # otherwise it keeps what decoding took
            table = parquet.read_row_group(number, present.names, use_threads=False)
            rows = table.num_rows if in_groups else sum(group.rows for group in sizes.groups)
            table = _decoded(table.select(present.names), rows, path, error, hint)
            table.validate(full=True)
            table = table.cast(present)
            for name in present.names:
                if name not in nullable and _has_nulls(table[name]):
                    raise error(f"Expected a value of {name!r} in every row of {path}.", hint)
            return _with_empty_columns(table, schema)

        groups = map(read_group, range(parquet.num_row_groups))
        if in_groups:
            yield from groups
        else:
            columns = {name: sum(g.size_of([name]) for g in sizes.groups) for name in present.names}
            absent = {*schema.names} - {*present.names}
            yield join_groups(groups, schema, columns, nullable | absent)
        pa.default_memory_pool().release_unused()


def _with_empty_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of the schema; those that the table lacks hold no values."""
    return pa.table(
        [
            table[field.name]
            if field.name in table.column_names
            else pa.nulls(table.num_rows, field.type)
            for field in schema
        ],
        schema=schema,
    )


def read_note(
    path: Path, key: bytes, schema: Any, *, error: type[FaceswapError], hint: str = ""
) -> Any:
    """Reads and checks JSON that a Parquet file holds in its metadata.

    Args:
        path: The file.
        key: Key of the metadata.
        schema: Type of the JSON.
        error: Error type.
        hint: Remedy for a damaged file.

    Raises:
        FaceswapError: There is none, or it is damaged; the type is ``error``.
        OSError: The file cannot be read.
    """
    with regular_file(path).open("rb") as file, _library_errors(path, error, hint):
        metadata = pq.read_schema(file).metadata or {}
    if key not in metadata:
        raise error(f"{path} has no entry {key.decode()!r} in its metadata.", hint)
    return parse_json(metadata[key], path, schema, finite=False, error=error, hint=hint)


@contextmanager
def _library_errors(path: Path, error: type[FaceswapError], hint: str) -> Iterator[None]:
    """Converts what the library raises for damaged files; errors of the system pass."""
    try:
        yield
    except (OSError, pa.ArrowException, ValueError, TypeError, KeyError) as problem:
        if isinstance(problem, OSError) and problem.errno is not None:
            raise
        raise error(f"{path} is not a valid Parquet file: {_first(problem)}.", hint) from problem


def check_names_differ(
    schema: pa.Schema, path: Path, error: type[FaceswapError], hint: str
) -> None:
    """Checks that no two columns have one name.

    Raises:
        FaceswapError: Two do; the type is ``error``.
    """
    repeated = [name for name, count in Counter(schema.names).items() if count > 1]
    if repeated:
        raise error(f"{path} has the column {repeated[0]!r} more than once.", hint)


def check_finite(
    table: pa.Table, names: Collection[str], path: Path, error: type[FaceswapError], hint: str
) -> None:
    """Checks that columns of numbers, or of lists of numbers, hold no NaN and no infinity.

    Raises:
        FaceswapError: One does; the type is ``error``.
    """
    for name in names:
        for values in table[name].chunks:
            if pa.types.is_fixed_size_list(values.type):
                values = values.flatten()
            numbers = values.to_numpy(zero_copy_only=False)
            # If one is NaN, so is the minimum. This takes no memory, as a flag for each would.
            if len(numbers) and not np.isfinite([numbers.min(), numbers.max()]).all():
                raise error(f"Expected finite numbers in {name!r} of {path}.", hint)


def _check_columns(
    found: pa.Schema, wanted: pa.Schema, path: Path, error: type[FaceswapError], hint: str
) -> None:
    for field in wanted:
        if field.name not in found.names:
            raise error(f"{path} has no column {field.name!r}.", hint)
        kind = found.field(field.name).type
        if kind != field.type:
            raise error(
                f"Expected {field.type} in the column {field.name!r} of {path}, found {kind}.", hint
            )


def _check_size(
    sizes: ParquetSizes, wanted: pa.Schema, path: Path, error: type[FaceswapError], hint: str
) -> None:
    """Checks the size that the columns will have in memory, by the footer of the file."""
    usual = max(_TABLE_BYTES, min(_LARGE_TABLE_BYTES, path.stat().st_size * _MOST_COMPRESSED))
    limit = size_limit(usual)
    if sizes.rows > _MOST_ROWS:
        raise error(f"{path} has {sizes.rows} rows, more than {_MOST_ROWS}.", hint)
    if sum(group.size_of(wanted.names) for group in sizes.groups) > limit:
        raise too_large(path, limit, error)


def _texts(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if _is_text(field.type)]


def _is_text(kind: pa.DataType) -> bool:
    return (
        pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
        or pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
    )


def _decoded(
    table: pa.Table, rows: int, path: Path, error: type[FaceswapError], hint: str
) -> pa.Table:
    """Table with its dictionaries of text replaced by text, of which ``rows`` fit into memory."""
    for number, field in enumerate(table.schema):
        if not pa.types.is_dictionary(field.type):
            continue
        chunks = table.column(number).chunks
        longest = max((_longest(chunk.dictionary) for chunk in chunks), default=0)
        if longest > _LONGEST_TEXT:
            raise error(f"{path} has text of {longest} bytes in {field.name!r}.", hint)
        if longest * rows > size_limit(_TABLE_BYTES) * 4:
            raise too_large(path, size_limit(_TABLE_BYTES), error)
        kind = field.type.value_type
        table = table.set_column(
            number, pa.field(field.name, kind), table.column(number).cast(kind)
        )
    return table


def _longest(values: pa.Array) -> int:
    if not _is_text(values.type):
        return 0
    lengths = pc.call_function("binary_length", [values])
    return pc.call_function("max", [lengths]).as_py() or 0


def _has_nulls(column: pa.ChunkedArray) -> bool:
    if column.null_count:
        return True
    if pa.types.is_fixed_size_list(column.type):
        return any(chunk.flatten().null_count for chunk in column.chunks)
    return False


def _first(problem: Exception) -> str:
    """First line of a library's message, which may be long."""
    text = str(problem).strip().partition("\n")[0]
    return text[:200].rstrip(".") or type(problem).__name__
