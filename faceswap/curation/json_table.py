"""Tables of facesets as JSON Lines: the record in the first line, a face in each of the others.

What is written and read again is the same table, bit by bit.
"""

import json
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from faceswap.core.documents import parse_json
from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path, regular_file
from faceswap.core.locks import hold_file, hold_folder
from faceswap.curation.copying import check_same_squares, new_faceset, read_all_rows, write_rows
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import RECORD, ROWS
from faceswap.facesets.record import FORMAT, read_record, with_faces
from faceswap.facesets.rows import (
    SCHEMA,
    is_further_mask,
    matrix_column,
    read_embeddings,
    read_row_groups,
    read_rows,
)
from faceswap.facesets.subjects import is_faceset

_GROUP = 1024  # rows in memory at a time
_LONGEST = 4 << 20  # bytes of a line
_HINT = "Write it again with `faceswap faces export`."


def export_json(
    faceset: Faceset, file: Path, on_faces: Callable[[int], object] = lambda _count: None
) -> None:
    """Writes the record and all columns of a faceset, complete or not at all.

    Args:
        faceset: Faceset.
        file: File to write; an existing one is replaced.
        on_faces: Callback with the number of faces written since its last call.

    Raises:
        FacesetError: The faceset is damaged.
        StorageFullError: The disk is full.
    """
    record = {"format": FORMAT.name, "version": FORMAT.version} | faceset.record
    with (
        hold_file(file, "the export"),
        atomic_path(file) as temporary,
        temporary.open("w", encoding="utf-8", newline="\n") as lines,
    ):
        lines.write(f"{json.dumps(record, ensure_ascii=False)}\n")
        for face in json_faces(faceset):
            lines.write(f"{json.dumps(face, ensure_ascii=False)}\n")
            on_faces(1)


def json_faces(faceset: Faceset, omitted: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Columns of each face of a faceset as JSON values.

    Args:
        faceset: Faceset.
        omitted: Names of columns that are left out.

    Raises:
        FacesetError: The faceset is damaged.
    """
    for rows in read_all_rows(faceset):
        yield from json_rows(rows, omitted)


def json_rows(rows: pa.Table, omitted: Collection[str] = ()) -> Iterator[dict[str, Any]]:
    """Columns of each row of a table as JSON values.

    Args:
        rows: Rows of a faceset.
        omitted: Names of columns that are left out.
    """
    names = [name for name in rows.column_names if name not in omitted]
    columns = [_as_json(rows[name], rows.schema.field(name).type) for name in names]
    for values in zip(*columns, strict=True):
        yield dict(zip(names, values, strict=True))


def _as_json(column: pa.ChunkedArray, kind: pa.DataType) -> list[Any]:
    """Values of a column; those of float32 with the fewest digits that tell them apart."""
    listed = pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind)
    if not pa.types.is_float32(kind.value_type if listed else kind):
        return column.to_pylist()

    def short(values: Any) -> list[float]:
        return [float(text) for text in np.asarray(values, np.float32).astype("U")]

    known = [value for value in column.to_pylist() if value is not None]
    values = iter([short(value) for value in known] if listed else short(known))
    return [next(values) if valid else None for valid in column.is_valid().to_pylist()]


def import_json(
    file: Path, path: Path, on_faces: Callable[[int], object] = lambda _count: None
) -> int:
    """Replaces record and rows of a faceset by those of a file, or makes a new one without images.

    The new rows are written and checked before anything is replaced; repeating it after an
    interruption completes it. If there are fewer faces than the record of the file says, some were
    deleted from it, and the new record says that the faces are a choice.

    Args:
        file: File that ``export_json`` wrote, perhaps edited since.
        path: Directory of a faceset of the same source, or a new one.
        on_faces: Callback with the number of faces read since its last call.

    Returns:
        Number of faces.

    Raises:
        FacesetError: The file is damaged, or the faceset is of another source or of crops of
            another geometry.
        OutputBusyError: Another process writes the faceset.
        StorageFullError: The disk is full; the faceset is as it was.
    """
    record = _read_record(file)
    if not is_faceset(path):
        with new_faceset(path, "the import") as new:
            write_rows(new / ROWS, _read_rows(file, on_faces))
            frames = _checked(new / ROWS, file)
            FORMAT.write(new / RECORD, _with_faces(record, frames))
            return len(frames)
    with hold_folder(path, "the import"):
        before = read_record(path)
        if before["source"]["sha256"] != record["source"]["sha256"]:
            raise FacesetError(
                f"Expected the faces of the source of {path} in {file}, found those of another.",
                "Give the faceset that was exported, or a new directory.",
            )
        check_same_squares(before, record, f"{path} and {file}")
        with atomic_path(path / ROWS) as temporary:
            write_rows(temporary, _read_rows(file, on_faces))
            frames = _checked(temporary, file)
            if not frames and read_rows(path / ROWS).num_rows:
                raise FacesetError(f"Expected at least one face in {file}, found none.", _HINT)
            # First: a kill in between must not lose that faces were left out.
            FORMAT.write(path / RECORD, _with_faces(record, frames))
    return len(frames)


def _with_faces(record: dict[str, Any], frames: Sequence[int]) -> dict[str, Any]:
    """The record of a file from which faces may have been deleted."""
    return with_faces(record, frames, chosen=len(frames) < record["source"].get("faces", 0))


def _checked(rows: Path, file: Path) -> list[int]:
    """Frames of the faces that were read from a file, if they can be those of a faceset."""
    images: list[str] = []
    frames: list[int] = []
    try:
        for group in read_row_groups(rows):
            images += group["image"].to_pylist()
            frames += group["frame"].to_pylist()
            linear = matrix_column(group, "matrix", (2, 3))[:, :, :2]
            if not np.linalg.det(linear.astype(np.float64)).all():
                raise FacesetError(f"Expected matrices that can be inverted in {file}.", _HINT)
        read_embeddings(rows)
    except FacesetError as error:
        raise FacesetError(error.message.replace(str(rows), str(file)), _HINT) from error
    if len(set(images)) < len(images):
        raise FacesetError(f"Expected different images in the faces of {file}.", _HINT)
    return frames


def _read_record(file: Path) -> dict[str, Any]:
    first = next(_lines(file), None)
    if first is None:
        raise FacesetError(f"{file} is empty.", _HINT)
    record = FORMAT.migrate(first, file)
    # Without the hash of the rows as they were extracted: these may have been edited.
    omitted = ("format", "version", "rows_sha256")
    return {key: value for key, value in record.items() if key not in omitted}


def _read_rows(file: Path, on_faces: Callable[[int], object]) -> Iterator[pa.Table]:
    """Row groups of the faces in a file, at least one; masks are the columns of the first face."""
    faces = islice(_lines(file), 1, None)
    schema = SCHEMA
    first = True
    while (some := list(islice(faces, _GROUP))) or first:
        if first and some:
            masks = filter(is_further_mask, some[0])
            schema = pa.schema([*SCHEMA, *(pa.field(name, pa.string()) for name in masks)])
        first = False
        yield _table(some, schema, file)
        on_faces(len(some))


def _table(faces: list[dict[str, Any]], schema: pa.Schema, file: Path) -> pa.Table:
    for face in faces:
        if set(face) != set(schema.names):
            odd = sorted(set(face) ^ set(schema.names))
            raise FacesetError(
                f"Expected the columns of a faceset in each face of {file}, found a difference "
                f"in {', '.join(odd[:3])}.",
                _HINT,
            )
    try:
        columns = [pa.array([face[f.name] for face in faces], f.type) for f in schema]
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        reason = str(error).partition("\n")[0][:200]
        raise FacesetError(f"A face of {file} is damaged: {reason}.", _HINT) from error
    return pa.table(columns, schema=schema)


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    """Objects in the lines of a file; empty lines are skipped."""
    with regular_file(file).open("rb") as lines:
        for number in range(1, 1 << 62):
            line = lines.readline(_LONGEST + 1)
            if not line:
                return
            where = f"line {number} of {file}"
            if len(line) > _LONGEST:
                raise FacesetError(f"{where} is longer than {_LONGEST >> 20} MB.", _HINT)
            if line.strip():
                value = parse_json(line, where, error=FacesetError, hint=_HINT)
                if not isinstance(value, dict):
                    raise FacesetError(f"Expected an object in {where}.", _HINT)
                yield value
