"""The rows of ``faces.parquet``, one per face: their columns, and how they are read and checked."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.names import check_name
from faceswap.core.table_documents import check_finite, read_groups, read_schema, read_table
from faceswap.facesets.files import CROP, EXTRACT_AGAIN, MASKS, mask_folder
from faceswap.geometry.mesh_shape import FACE_POINTS, POINTS, with_irises

T = TypeVar("T")

SCHEMA = pa.schema(
    [
        pa.field("frame", pa.int32()),
        pa.field("pts", pa.int64()),
        pa.field("time", pa.float64()),
        pa.field("face", pa.int16()),
        pa.field("track", pa.int32()),
        pa.field("person", pa.string()),
        pa.field("box", pa.list_(pa.float32(), 4)),
        pa.field("score", pa.float32()),
        pa.field("presence", pa.float32()),
        pa.field("filled", pa.bool_()),
        pa.field("landmarks", pa.list_(pa.float32(), 68 * 2)),
        pa.field("raw_landmarks", pa.list_(pa.float32(), 68 * 2)),
        pa.field("mesh", pa.list_(pa.float32(), POINTS * 3)),
        pa.field("matrix", pa.list_(pa.float64(), 2 * 3)),
        pa.field("yaw", pa.float32()),
        pa.field("pitch", pa.float32()),
        pa.field("roll", pa.float32()),
        pa.field("size", pa.float32()),
        pa.field("sharpness", pa.float32()),
        pa.field("exposure", pa.float32()),
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("image", pa.string()),
        pa.field("mask", pa.string()),
        pa.field("order", pa.int32()),
        pa.field("group", pa.string()),
    ]
)
"""Columns of ``faces.parquet``; arrays are stored flat in C order. Further masks have a text column
each, ``mask_<masker>``. Null: ``mesh`` for landmarkers of 68 points, ``raw_landmarks`` where
nothing was smoothed, ``mask`` for faces without a mask, and what has not been determined."""

FURTHER_MASK = "mask_"
"""First characters of the names of the columns of further masks."""

KEPT = pa.schema(
    [field for field in SCHEMA if field.name not in ("mesh", "embedding", "raw_landmarks")]
)
"""Columns that a faceset keeps in memory. The mesh would be nine tenths of it, and few computations
need the others."""

MESH = pa.schema([SCHEMA.field("mesh"), SCHEMA.field("image")])
"""Columns from which meshes are read."""

EARLIER_MESH = MESH.set(0, pa.field("mesh", pa.list_(pa.float32(), FACE_POINTS * 3)))
"""The same in files of the first version, whose meshes have no irises."""

_CROP_OR_NONE = pc.MatchSubstringOptions(rf"^(?:{CROP.pattern}|)$")

# Columns that facesets of version 2 do not have.
_ADDED = ("person", "presence", "filled", "raw_landmarks", "size", "order", "group")
_NULLABLE = ("mesh", "embedding", "mask", *_ADDED)
_FINITE = (
    *("time", "box", "score", "landmarks", "matrix"),
    *("yaw", "pitch", "roll", "sharpness", "exposure"),
)


def read_rows(file: Path, schema: pa.Schema = SCHEMA) -> pa.Table:
    """Reads and checks ``faces.parquet``, or a segment of it.

    Args:
        file: The file.
        schema: Columns to read: ``SCHEMA`` or some of it, and columns of further masks.

    Returns:
        The rows; columns that earlier versions did not write hold no values, ``filled`` is false.

    Raises:
        FacesetError: It is damaged, too large, or names files outside the faceset.
    """
    return _checked(read_columns(read_table, file, schema), file)


def read_row_groups(file: Path) -> Iterator[pa.Table]:
    """Reads and checks all columns of ``faces.parquet``, one row group at a time.

    Meshes of the first version are completed with irises; see ``read_rows`` for the rest.
    """
    schema = columns_of(file)
    if has_no_irises(file):
        earlier = schema.set(schema.get_field_index("mesh"), EARLIER_MESH.field("mesh"))
        groups = (_with_irises(rows) for rows in read_columns(read_groups, file, earlier))
    else:
        groups = read_columns(read_groups, file, schema)
    for rows in groups:
        yield _checked(rows, file)


def read_some_columns(file: Path, schema: pa.Schema) -> Iterator[pa.Table]:
    """Reads and checks some columns of ``faces.parquet``, one row group at a time.

    Args:
        file: The file.
        schema: Columns to read: some of ``SCHEMA``, and columns of further masks.

    Raises:
        FacesetError: As of ``read_rows``.
    """
    for rows in read_columns(read_groups, file, schema):
        yield _checked(rows, file)


def read_embeddings(file: Path) -> list[NDArray[np.float32] | None]:
    """Reads and checks the embeddings in ``faces.parquet``.

    Returns:
        ``(E,) float32`` for each face, or None.

    Raises:
        FacesetError: The file is damaged, or the embeddings are no finite vectors of one
            length from 1.
    """
    return [*each_embedding(file)]


def each_embedding(file: Path) -> Iterator[NDArray[np.float32] | None]:
    """Reads and checks the embeddings in ``faces.parquet``; one row group is in memory.

    See ``read_embeddings``.
    """
    lengths: set[int] = set()
    for rows in read_columns(read_groups, file, pa.schema([SCHEMA.field("embedding")])):
        found, valid = embedding_column(rows, file)
        lengths |= {found.shape[1]} if len(found) else set()
        if len(lengths) > 1:
            raise _bad_embeddings(file)
        vectors = iter(found)
        for has in valid.tolist():
            yield next(vectors) if has else None


def embedding_column(rows: pa.Table, file: Path) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Checked embeddings of some rows.

    Args:
        rows: Rows with the column ``embedding``.
        file: File that they were read from.

    Returns:
        Embeddings, ``(K, E)``, and which rows have one, ``(N,)``.

    Raises:
        FacesetError: As of ``read_embeddings``.
    """
    column = rows["embedding"].combine_chunks()
    valid = column.is_valid().to_numpy(zero_copy_only=False)
    values = column.flatten().to_numpy(zero_copy_only=False)
    lengths = {*pc.call_function("list_value_length", [column.drop_null()]).to_pylist()}
    if len(lengths) > 1 or 0 in lengths or not np.isfinite(values).all():
        raise _bad_embeddings(file)
    return values.reshape(-1, *(lengths or {1})), valid


def _bad_embeddings(file: Path) -> FacesetError:
    return FacesetError(
        f"Expected embeddings of one length from 1 and of finite numbers in {file}.", EXTRACT_AGAIN
    )


def is_current(files: Iterable[Path]) -> bool:
    """Whether all tables have the columns of this version, not only those of an earlier one.

    Raises:
        FacesetError: One is damaged.
    """
    return all({*_ADDED} <= {*_file_schema(file).names} for file in files)


def is_further_mask(name: str) -> bool:
    """Whether a column holds the file names of further masks."""
    return name.startswith(FURTHER_MASK)


def further_masks(rows: pa.Table) -> list[dict[str, str]]:
    """File names of the further masks of each row, by masker."""
    maskers = further_maskers(rows.schema)
    columns = {masker: rows[FURTHER_MASK + masker].to_pylist() for masker in maskers}
    return [
        {masker: files[row] for masker, files in columns.items() if files[row]}
        for row in range(rows.num_rows)
    ]


def with_sizes(rows: pa.Table, square: float) -> pa.Table:
    """Rows whose missing sizes are computed from their crops.

    Args:
        rows: Rows with the columns ``matrix`` and ``size``.
        square: Side of the face square in pixels of a crop.
    """
    if not rows["size"].null_count:
        return rows
    linear = matrix_column(rows, "matrix", (2, 3))[:, :, :2]
    scales = np.sqrt(np.abs(np.linalg.det(linear))).clip(1e-9)
    computed = pa.array((square / scales).astype(np.float32))
    sizes = pc.call_function("coalesce", [rows["size"], computed])
    return rows.set_column(rows.schema.get_field_index("size"), SCHEMA.field("size"), sizes)


def columns_of(file: Path) -> pa.Schema:
    """``SCHEMA`` and the columns of further masks that a file has.

    Raises:
        FacesetError: It is missing or damaged.
    """
    return with_masks(further_maskers(_file_schema(file)))


def _file_schema(file: Path) -> pa.Schema:
    try:
        return read_schema(file, error=FacesetError, hint=EXTRACT_AGAIN)
    except FileNotFoundError as error:
        raise FacesetError(f"{file} is missing.", EXTRACT_AGAIN) from error


def with_masks(maskers: Sequence[str], schema: pa.Schema = SCHEMA) -> pa.Schema:
    """A schema and the columns of the further masks of some maskers."""
    return pa.schema([*schema, *(pa.field(FURTHER_MASK + name, pa.string()) for name in maskers)])


def mask_columns(maskers: Sequence[str]) -> dict[str, str]:
    """Columns of the masks of maskers, and the folders of their files; the first is the default."""
    further = {FURTHER_MASK + name: mask_folder(name) for name in maskers[1:]}
    return {"mask": MASKS} | further


def further_maskers(schema: pa.Schema) -> list[str]:
    """Maskers of the further masks that a schema has a column for.

    Raises:
        UnsafeNameError: A name would lead out of the folder of the masks.
    """
    names = [name.removeprefix(FURTHER_MASK) for name in schema.names if is_further_mask(name)]
    return [check_name(name, "masker in the name of a column of faces.parquet") for name in names]


def _checked(rows: pa.Table, file: Path) -> pa.Table:
    read = {*rows.column_names}
    for name in (*_FINITE, "presence", "size"):
        if name in read:
            known = rows.select([name]).drop_null()
            check_finite(known, [name], file, FacesetError, EXTRACT_AGAIN)
    if "frame" in read and rows.num_rows and pc.call_function("min", [rows["frame"]]).as_py() < 0:
        raise FacesetError(f"Expected frame numbers from 0 in {file}.", EXTRACT_AGAIN)
    for column in filter(_names_files, rows.column_names):
        # The full check of every name would take seconds.
        usual = pc.call_function("match_substring_regex", [rows[column]], _CROP_OR_NONE)
        others = rows[column].filter(pc.call_function("invert", [usual]))
        for name in others.unique().to_pylist():
            check_name(name, f"file name in the column {column} of {file}")
    if "filled" not in read:
        return rows
    filled = pc.call_function("coalesce", [rows["filled"], pa.scalar(value=False)])
    return rows.set_column(rows.schema.get_field_index("filled"), SCHEMA.field("filled"), filled)


def _names_files(column: str) -> bool:
    return column in ("image", "mask") or is_further_mask(column)


def has_no_irises(file: Path) -> bool:
    """Whether the meshes of a file are those of the first version: the face without its irises."""
    try:
        found = read_schema(file, error=FacesetError)
    except (OSError, FacesetError):
        return False  # reading it says what is wrong
    return "mesh" in found.names and found.field("mesh").type == EARLIER_MESH.field("mesh").type


def _with_irises(rows: pa.Table) -> pa.Table:
    """Rows of the first version with the meshes of this one."""
    column = rows["mesh"].combine_chunks()
    known = column.drop_null().flatten().to_numpy().reshape(-1, FACE_POINTS, 3)
    completed = iter(with_irises(known))
    field = SCHEMA.field("mesh")
    meshes = [next(completed).ravel() if valid else None for valid in column.is_valid().to_pylist()]
    place = rows.schema.get_field_index("mesh")
    return rows.set_column(place, field, pa.array(meshes, field.type))


def matrix_column(rows: pa.Table, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A column of lists as one array, ``(N, *shape)``; read-only, and no copy of a single chunk."""
    column = rows[name]
    array = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    return array.flatten().to_numpy().reshape(-1, *shape)


def read_columns(read: Callable[..., T], file: Path, schema: pa.Schema) -> T:
    """The columns of a file by ``read_table`` or ``read_groups``."""
    masks = [name for name in schema.names if is_further_mask(name)]
    nullable = (*_NULLABLE, *masks)
    try:
        return read(
            file,
            schema,
            nullable=nullable,
            optional=(*_ADDED, *masks),
            error=FacesetError,
            hint=EXTRACT_AGAIN,
        )
    except FileNotFoundError as error:
        raise FacesetError(f"{file} is missing.", EXTRACT_AGAIN) from error
