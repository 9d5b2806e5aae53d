"""Changes of a complete faceset's rows in place."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.files import atomic_path, sha256_file
from faceswap.facesets.files import RECORD, ROWS
from faceswap.facesets.record import FORMAT, read_record
from faceswap.facesets.rows import SCHEMA, columns_of, read_row_groups, with_sizes


def rewrite_rows(
    path: Path,
    change: Callable[[pa.Table], pa.Table],
    *,
    same_faces: bool = True,
    updates: Mapping[str, Any] | None = None,
) -> None:
    """Rewrites ``faces.parquet``, complete or not at all, in the current version of the format.

    The caller holds the folder (``core.locks.hold_folder``).

    Args:
        path: Directory of a complete faceset.
        change: Function of each row group with all its columns, called in their order. It may
            change values and drop rows; columns that it adds or drops are the same in all groups.
        same_faces: Whether the faces stay what trainings and reports know the faceset by.
        updates: Values of the record that change with the rows, written right before these.

    Raises:
        FacesetError: The faceset is damaged.
        StorageFullError: The disk is full; the faceset is as it was.
    """
    record = read_record(path)
    file = path / ROWS
    extractor = record["extractor"]
    square = extractor["crop_size"] / extractor["crop_coverage"]
    known = (record.get("rows_sha256") or sha256_file(file)) if same_faces else ""
    with atomic_path(file) as temporary:
        _write(temporary, file, lambda rows: change(with_sizes(rows, square)))
        # First: until the rows are replaced, these are those of this hash as well.
        FORMAT.write(path / RECORD, record | {"rows_sha256": known, **(updates or {})})


def _write(target: Path, source: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    groups = map(change, read_row_groups(source))
    first = next(groups, None)
    if first is None:
        first = change(columns_of(source).empty_table())
    # Opened here: the library cannot encode a path that is not UTF-8.
    with (
        target.open("wb") as file,
        pq.ParquetWriter(file, first.schema, compression="zstd") as writer,
    ):
        writer.write_table(first)
        for rows in groups:
            writer.write_table(rows)


def with_column(rows: pa.Table, name: str, values: Sequence[object]) -> pa.Table:
    """Rows with other values in a column of ``SCHEMA``."""
    field = SCHEMA.field(name)
    place = rows.schema.get_field_index(name)
    return rows.set_column(place, field, pa.array(values, field.type))
