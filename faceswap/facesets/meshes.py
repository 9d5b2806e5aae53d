"""The meshes of ``faces.parquet``: nine tenths of the file, so they are read only where needed."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.table_documents import check_finite, read_groups, read_table
from faceswap.facesets.files import EXTRACT_AGAIN
from faceswap.facesets.rows import EARLIER_MESH, MESH, has_no_irises, matrix_column, read_columns
from faceswap.geometry.mesh68 import mesh_to_68
from faceswap.geometry.mesh_shape import CORNERS, FACE_POINTS, POINTS, with_irises

_SMALLEST, _LARGEST = 1.0, 1e6  # pixels that a mesh extends


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
    earlier = has_no_irises(file)
    rows = read_columns(read_table, file, EARLIER_MESH if earlier else MESH)
    return _checked_meshes(rows, file, earlier=earlier)


def read_mesh_groups(file: Path) -> Iterator[NDArray[np.float32]]:
    """Reads and checks the meshes in ``faces.parquet``, one row group at a time.

    See ``read_meshes``.
    """
    earlier = has_no_irises(file)
    for rows in read_columns(read_groups, file, EARLIER_MESH if earlier else MESH):
        yield _checked_meshes(rows, file, earlier=earlier)


def _checked_meshes(rows: pa.Table, file: Path, *, earlier: bool) -> NDArray[np.float32]:
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


def _without_extent(meshes: NDArray[np.float32]) -> list[int]:
    """Rows of meshes from which no pose can be computed, or none that is finite."""
    farthest = np.maximum(meshes.max((1, 2)), -meshes.min((1, 2)))
    with np.errstate(over="ignore", invalid="ignore"):  # of those that are too large anyway
        corners = mesh_to_68(meshes[..., :2])[:, CORNERS]
        extent = np.ptp(corners, 1).min(1)
    wrong = (farthest > _LARGEST) | (extent < _SMALLEST)
    return np.flatnonzero(wrong).tolist()
