"""Columns of faces that conditions and orders may name: those of the table, and measures."""

from collections.abc import Callable, Collection, Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from faceswap.curation.expression import Kind
from faceswap.curation.measures import MEASURES, PIXEL_MEASURES
from faceswap.curation.thumbnails import read_thumbnails
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import KEPT


def _kind(of: pa.DataType) -> Kind | None:
    """Kind of the values of a column; None for lists."""
    if pa.types.is_boolean(of):
        return "condition"
    if pa.types.is_string(of):
        return "text"
    return "number" if pa.types.is_integer(of) or pa.types.is_floating(of) else None


_STORED: dict[str, Kind] = {field.name: kind for field in KEPT if (kind := _kind(field.type))}

KINDS: Mapping[str, Kind] = {
    **dict.fromkeys((*MEASURES, *PIXEL_MEASURES), "number"),
    **_STORED,
}
"""Kind of each column by name: columns of the table, measures of landmarks, measures of pixels."""


def needs_pixels(names: Collection[str]) -> bool:
    """Whether crops are decoded for one of the columns."""
    return not PIXEL_MEASURES.keys().isdisjoint(names)


def read_columns(
    faceset: Faceset,
    faces: Sequence[Face],
    names: Collection[str],
    on_faces: Callable[[int], object] = lambda _count: None,
) -> pa.Table:
    """Columns of some faces of a faceset.

    Args:
        faceset: Their faceset.
        faces: Faces whose crops are in ``images/``.
        names: Names of columns, keys of ``KINDS``.
        on_faces: Callback with the number of faces read since its last call; it is called for
            measures of pixels only.

    Returns:
        Table of the named columns, a row per face.

    Raises:
        MediaError: A crop is needed, and is missing or damaged.
    """
    columns: dict[str, pa.Array] = {}
    pixels = [name for name in names if name in PIXEL_MEASURES]
    if pixels:
        thumbnails = read_thumbnails([(faceset, face) for face in faces], on_faces)
        columns |= {name: pa.array(PIXEL_MEASURES[name].of(thumbnails)) for name in pixels}
    for name in names:
        if name in _STORED:
            values = [getattr(face, name) for face in faces]
            columns[name] = pa.array(values, KEPT.field(name).type)
        elif name in MEASURES:
            columns[name] = pa.array(MEASURES[name].of(faces))
    return pa.table(columns)


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """A column of numbers as an array, ``(N,)``; NaN where a value is missing."""
    return table[name].cast(pa.float64()).to_numpy()
