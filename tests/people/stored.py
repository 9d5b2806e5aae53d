"""Facesets with given embeddings, in row groups of some rows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from faceswap.facesets.rows import SCHEMA
from tests.people.colours import write_tracks


def write_stored(
    path: Path,
    faces: Sequence[tuple[int, str | None, np.ndarray | None]],
    kind: str = "video",
    group: int = 4,
) -> Path:
    """Writes a faceset of one face a frame.

    Args:
        path: Its directory.
        faces: Track, person and embedding of each face.
        kind: Kind of the source.
        group: Rows of a row group.
    """
    write_tracks(path, [[(9, 9, 9)] * len(faces)], kind)
    tracks, people, embeddings = zip(*faces, strict=True)
    vectors = [None if each is None else np.asarray(each).tolist() for each in embeddings]
    replace_columns(path, group, track=tracks, person=people, embedding=vectors)
    return path


def replace_columns(path: Path, group: int = 4, **columns: Sequence[object] | NDArray[Any]) -> None:
    """Replaces columns of a faceset, and writes it in row groups of some rows."""
    rows = pq.read_table(path / "faces.parquet")
    for name, values in columns.items():
        field = SCHEMA.field(name)
        place = rows.schema.get_field_index(name)
        rows = rows.set_column(place, field, pa.array(list(values), field.type))
    pq.write_table(rows, path / "faces.parquet", row_group_size=group)
