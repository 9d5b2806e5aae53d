"""Meshes of synthetic faces."""

from functools import cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import ArrayLike, NDArray

from faceswap.facesets.rows import SCHEMA
from faceswap.geometry.landmarks68 import JAW
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.mesh68 import PAIRS, linear_68, outline_shift, outline_weights
from faceswap.geometry.mesh_shape import (
    FACE_POINTS,
    LEFT_EYE,
    LOWER_LIDS,
    LOWER_LIP,
    POINTS,
    RIGHT_EYE,
    RIGID,
    UPPER_LIDS,
    UPPER_LIP,
    with_irises,
)
from faceswap.geometry.outline import OUTLINE

_CHIN = (152, 148, 377, 17, 84, 314)
_TEMPLES = {34: 127, 139: 162, 264: 356, 368: 389}  # points beside points of the outline

_SHAPED = np.concatenate(
    [LEFT_EYE.contour, RIGHT_EYE.contour, UPPER_LIP, LOWER_LIP, OUTLINE, PAIRS.ravel(), RIGID]
)
_FREE = np.setdiff1d(np.arange(FACE_POINTS), _SHAPED)


@cache
def face_mesh(opening: float = 0.0, width: float = 1.0, eyes: float = 0.04) -> NDArray[np.float64]:
    """A frontal mesh: the points of the mean face, an outline, and others across its surface.

    Args:
        opening: Distance of the lips, in face squares; the chin moves with the lower one.
        width: Factor on the width.
        eyes: Distance of the lids, in face squares.

    Returns:
        ``(478, 3)`` in face squares; read-only, as it is computed once.
    """
    across = np.random.default_rng(0).uniform(-0.5, 0.5, (POINTS, 2))
    mesh = np.c_[across, 0.8 * (across**2).sum(1)]
    turn = np.linspace(0, 2 * np.pi, len(OUTLINE), endpoint=False)
    mesh[OUTLINE, :2] = np.c_[-0.5 * np.sin(turn), -0.6 * np.cos(turn)]
    mesh[list(_TEMPLES)] = 0.95 * mesh[list(_TEMPLES.values())]
    for (a, b), point in reversed(list(zip(PAIRS, MEAN_FACE, strict=True))):
        mesh[a] = mesh[b] = point
    # Edges of lids and lips: from corner to corner, each lower point below its upper one.
    for upper, lower, first, last in (
        (UPPER_LIDS[:7], LOWER_LIDS[:7], 36, 39),
        (UPPER_LIDS[7:], LOWER_LIDS[7:], 42, 45),
        (UPPER_LIP, LOWER_LIP, 60, 64),
    ):
        line = np.linspace(MEAN_FACE[first], MEAN_FACE[last], len(upper) + 2)[1:-1]
        mesh[upper] = mesh[lower] = line
    mesh[UPPER_LIDS, 1] -= eyes / 2
    mesh[LOWER_LIDS, 1] += eyes / 2
    mesh[LOWER_LIP, 1] += opening
    mesh[list(_CHIN), 1] += opening
    # Landmarks follow the points placed above: what lies around them does not move them.
    mesh = with_landmarks(mesh[:FACE_POINTS], mesh[PAIRS].mean(1), _FREE)
    mesh[:, 0] *= width
    mesh = with_irises(mesh)
    mesh.flags.writeable = False
    return mesh


def with_landmarks(
    mesh: NDArray[np.float64], points: ArrayLike, free: slice | NDArray[np.integer] = slice(None)
) -> NDArray[np.float64]:
    """The mesh nearest to a given one, ``(468, 3)``, whose 68 points are the given ones.

    Only its points ``free`` are moved.
    """
    reduction = linear_68(np.eye(FACE_POINTS))
    wanted = np.array(points, np.float64)
    wanted[JAW, :2] -= outline_shift(wanted[:, :2], outline_weights(np.float64))
    moved = mesh.copy()
    moved[free] += np.linalg.pinv(reduction[:, free]) @ (wanted - reduction @ mesh)
    return moved


def add_meshes(faceset: Path) -> Path:
    """Adds meshes to a faceset of ``make_faceset``: each face opens mouth and eyes differently."""
    file = faceset / "faces.parquet"
    rows = pq.read_table(file).to_pylist()
    for row in rows:
        frame = row["frame"]
        mesh = face_mesh(0.08 * (1 + np.sin(frame / 3)), eyes=0.04 * (frame % 7 > 0))
        placed = 80 * mesh + [120 + 6 * np.sin(frame / 5), 110, 0]
        row |= {"mesh": placed.astype(np.float32).ravel().tolist(), "sharpness": 7.0 * frame % 48}
    pq.write_table(pa.Table.from_pylist(rows, schema=SCHEMA), file)
    return faceset
