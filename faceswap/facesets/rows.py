"""The rows of ``faces.parquet``, one per face: their columns, and how they are read and checked."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.names import check_name
from faceswap.core.table_documents import check_finite, read_table
from faceswap.facesets.files import CROP, EXTRACT_AGAIN
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.mesh_shape import CORNERS, FACE_POINTS, POINTS, with_irises

SCHEMA = pa.schema(
    [
        pa.field("frame", pa.int32()),
        pa.field("pts", pa.int64()),
        pa.field("time", pa.float64()),
        pa.field("face", pa.int16()),
        pa.field("track", pa.int32()),
        pa.field("box", pa.list_(pa.float32(), 4)),
        pa.field("score", pa.float32()),
        pa.field("landmarks", pa.list_(pa.float32(), 68 * 2)),
        pa.field("mesh", pa.list_(pa.float32(), POINTS * 3)),
        pa.field("matrix", pa.list_(pa.float64(), 2 * 3)),
        pa.field("yaw", pa.float32()),
        pa.field("pitch", pa.float32()),
        pa.field("roll", pa.float32()),
        pa.field("sharpness", pa.float32()),
        pa.field("exposure", pa.float32()),
        pa.field("embedding", pa.list_(pa.float32())),
        pa.field("image", pa.string()),
        pa.field("mask", pa.string()),
    ]
)
"""Columns of ``faces.parquet``; arrays are stored flat in C order. ``mesh`` is null for landmarkers
of 68 points, ``mask`` for faces without a mask. ``embedding`` is always null: it is reserved for a
vector of the face's identity."""

KEPT = pa.schema([field for field in SCHEMA if field.name not in ("mesh", "embedding")])
"""Columns that a faceset keeps in memory. The mesh would be nine tenths of it, and few computations
need it."""

_MESH = pa.schema([SCHEMA.field("mesh"), SCHEMA.field("image")])
_EARLIER_MESH = _MESH.set(0, pa.field("mesh", pa.list_(pa.float32(), FACE_POINTS * 3)))
_NULLABLE = ("mesh", "embedding", "mask")
_FINITE = (
    *("time", "box", "score", "landmarks", "matrix"),
    *("yaw", "pitch", "roll", "sharpness", "exposure"),
)
_SMALLEST, _LARGEST = 1.0, 1e6  # pixels that a mesh extends


def read_rows(file: Path, schema: pa.Schema = SCHEMA) -> pa.Table:
    """Reads and checks ``faces.parquet``, or a shard of it.

    Args:
        file: The file.
        schema: Columns to read: ``SCHEMA`` or some of it.

    Raises:
        FacesetError: It is damaged, too large, or names files outside the faceset.
    """
    rows = _read_columns(file, schema)
    check_finite(rows, _FINITE, file, FacesetError, EXTRACT_AGAIN)
    if rows.num_rows and pc.call_function("min", [rows["frame"]]).as_py() < 0:
        raise FacesetError(f"Expected frame numbers from 0 in {file}.", EXTRACT_AGAIN)
    for column in ("image", "mask"):
        for name in filter(None, rows[column].unique().to_pylist()):
            if not CROP.fullmatch(name):  # the full check of every name would take seconds
                check_name(name, f"name of an {column} in {file}")
    return rows


def read_meshes(file: Path) -> NDArray[np.float32]:
    """Reads and checks the meshes in ``faces.parquet``.

    Args:
        file: The file.

    Returns:
        ``(N, 478, 3) float32`` in frame pixels, z in the same unit.

    Raises:
        FacesetError: The landmarker gave no mesh, a mesh is smaller or larger than any face, or the
            file is damaged.
    """
    earlier = _has_no_irises(file)
    rows = _read_columns(file, _EARLIER_MESH if earlier else _MESH)
    if rows["mesh"].null_count:
        raise FacesetError(
            f"Expected a face mesh in each row of {file}, found landmarks only.",
            "Extract the source again with --landmarker facemesh --overwrite.",
        )
    check_finite(rows, ("mesh",), file, FacesetError, EXTRACT_AGAIN)
    meshes = matrix_column(rows, "mesh", (FACE_POINTS if earlier else POINTS, 3))
    if wrong := _without_extent(meshes):
        image = rows["image"][wrong[0]].as_py()
        raise FacesetError(
            f"Expected a face mesh of {_SMALLEST:.0f} to {_LARGEST:,.0f} pixels in each "
            f"row of {file}, found another one for {image}.",
            EXTRACT_AGAIN,
        )
    return with_irises(meshes) if earlier else meshes


def _has_no_irises(file: Path) -> bool:
    """Whether the meshes of a file are those of the first version: the face without its irises."""
    try:
        return pq.read_schema(file).field("mesh").type == _EARLIER_MESH.field("mesh").type
    except (OSError, pa.ArrowException, KeyError):
        return False  # reading it says what is wrong


def matrix_column(rows: pa.Table, name: str, shape: tuple[int, ...]) -> NDArray[Any]:
    """A column of lists as one array, ``(N, *shape)``."""
    array = rows[name].combine_chunks()
    return array.flatten().to_numpy().reshape(-1, *shape)


def _without_extent(meshes: NDArray[np.float32]) -> list[int]:
    """Rows of meshes from which no pose can be computed, or none that is finite."""
    farthest = np.maximum(meshes.max((1, 2)), -meshes.min((1, 2)))
    with np.errstate(over="ignore", invalid="ignore"):  # of those that are too large anyway
        corners = mesh_to_68(meshes[..., :2])[:, CORNERS]
        extent = np.ptp(corners, 1).min(1)
    wrong = (farthest > _LARGEST) | (extent < _SMALLEST)
    return np.flatnonzero(wrong).tolist()


def _read_columns(file: Path, schema: pa.Schema) -> pa.Table:
    try:
        return read_table(file, schema, nullable=_NULLABLE, error=FacesetError, hint=EXTRACT_AGAIN)
    except FileNotFoundError as error:
        raise FacesetError(f"{file} is missing.", EXTRACT_AGAIN) from error
