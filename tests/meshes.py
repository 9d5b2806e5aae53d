"""Meshes of synthetic faces."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceswap.facesets.faceset import SCHEMA
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh68 import _PAIRS
from faceswap.geometry.mesh_shape import LOWER_LIDS, LOWER_LIP, POINTS, UPPER_LIDS, UPPER_LIP


def face_mesh(eyes: float = 0.08, mouth: float = 0.01) -> NDArray[np.float64]:
    """A frontal mesh in face squares: the mean face, and an even surface around its points.

    Args:
        eyes: Distance of the lids.
        mouth: Distance of the lips.

    Returns:
        ``(468, 3)``.
    """
    turn = np.arange(POINTS) * 2.399963  # an even spiral
    out = np.sqrt((np.arange(POINTS) + 0.5) / POINTS)
    x, y = 0.8 * out * np.cos(turn), 0.2 + 0.9 * out * np.sin(turn)
    mesh = np.stack([x, y, 0.5 * (x**2 + (y - 0.2) ** 2)], 1)
    mesh[_PAIRS[:, 0]] = mesh[_PAIRS[:, 1]] = MEAN_FACE
    for upper, lower, ends, gap in (
        (UPPER_LIDS[:7], LOWER_LIDS[:7], (36, 39), eyes),
        (UPPER_LIDS[7:], LOWER_LIDS[7:], (42, 45), eyes),
        (UPPER_LIP, LOWER_LIP, (60, 64), mouth),
    ):
        along = np.linspace(0, 1, len(upper) + 2)[1:-1, None]
        middle = MEAN_FACE[ends[0]] * (1 - along) + MEAN_FACE[ends[1]] * along
        half = np.zeros_like(middle)
        half[:, 1] = gap / 2
        mesh[upper], mesh[lower] = middle - half, middle + half
    return mesh


def add_meshes(faceset: Path) -> Path:
    """Adds meshes to a faceset of ``make_faceset``: each face opens mouth and eyes differently."""
    file = faceset / "faces.parquet"
    rows = pq.read_table(file).to_pylist()
    for row in rows:
        frame = row["frame"]
        mesh = face_mesh(0.08 * (frame % 7 > 0), 0.08 * (1 + np.sin(frame / 3)))
        placed = 80 * mesh + [120 + 6 * np.sin(frame / 5), 110, 0]
        row |= {"mesh": placed.astype(np.float32).ravel().tolist(), "sharpness": 7.0 * frame % 48}
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
    return faceset
