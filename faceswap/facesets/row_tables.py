"""Rows of faces as tables, and the table of a whole faceset."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from faceswap.core.files import atomic_path

Row = dict[str, Any]

_GROUP = 4096  # rows in memory at a time while a table is written


def row_table(rows: Sequence[Row], schema: pa.Schema) -> pa.Table:
    """A table of rows, whose list columns may be numpy arrays of any shape."""
    columns = {
        field.name: pa.array([_plain(row.get(field.name)) for row in rows], type=field.type)
        for field in schema
    }
    return pa.table(columns, schema=schema)


def write_rows(path: Path, rows: Iterable[Row], schema: pa.Schema) -> tuple[int, int]:
    """Writes rows to a table, complete or not at all, with few of them in memory.

    Args:
        path: File.
        rows: Rows in the order of their frames.
        schema: Schema of the table.

    Returns:
        Numbers of faces and of frames with a face.
    """
    faces, last, frames_with_face = 0, -1, 0
    with (
        atomic_path(path) as temporary,
        temporary.open("wb") as file,
        pq.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        group: list[Row] = []
        for row in rows:
            group.append(row)
            if len(group) == _GROUP:
                writer.write_table(row_table(group, schema))
                group.clear()
            faces += 1
            frames_with_face += row["frame"] != last
            last = row["frame"]
        writer.write_table(row_table(group, schema))
    return faces, frames_with_face


def _plain(value: Any) -> Any:
    return value.ravel() if isinstance(value, np.ndarray) else value
