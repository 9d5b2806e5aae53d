"""Orders of the faces of a faceset."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.core.folders import natural_key
from faceswap.curation.columns import KINDS, numbers, read_columns
from faceswap.curation.likeness import VECTORS, OnFaces, chain
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset

Order = NDArray[np.int64]

_PITCH_BAND = 10.0  # degrees


def sort_keys() -> list[str]:
    """Names of all orders, sorted."""
    return sorted({*KINDS, *VECTORS, "pose"})


def sorted_faces(
    faceset: Faceset,
    faces: Sequence[Face],
    key: str,
    *,
    descending: bool = False,
    on_faces: OnFaces = lambda _count: None,
) -> Order:
    """Sorts faces by a column or measure, or so that each is followed by the most similar one.

    Args:
        faceset: Their faceset.
        faces: Faces whose crops are in ``images/``, in the order of the source.
        key: One of ``sort_keys``.
        descending: Whether large values come first.
        on_faces: Callback with the number of faces read since its last call.

    Returns:
        Indices of the faces, ``(N,)``. Equal ones stay in the order of the source, those without a
        value come last.

    Raises:
        ConfigError: There is no such order.
        FacesetError: It needs embeddings, and the faceset has none.
        MediaError: A crop is needed, and is missing or damaged.
    """
    if key in VECTORS:
        order = chain(VECTORS[key](faceset, faces, on_faces))
        return order[::-1] if descending else order
    if key == "pose":
        return _by_pose(faces)[:: -1 if descending else 1]
    if key not in KINDS:
        raise ConfigError(
            f"Faces cannot be sorted by {key!r}.", f"Known: {', '.join(sort_keys())}."
        )
    column = read_columns(faceset, faces, [key], on_faces)
    if KINDS[key] == "text":
        return _by_text(column[key].to_pylist(), descending)
    values = numbers(column, key)
    return np.argsort(-values if descending else values, kind="stable")


def _by_pose(faces: Sequence[Face]) -> Order:
    """Rows of equal pitch, upwards, each from image left to image right and the next one back."""
    band = np.round(np.array([face.pitch for face in faces]) / _PITCH_BAND)
    yaw = np.array([face.yaw for face in faces])
    return np.lexsort((np.where(band % 2 == 0, yaw, -yaw), band))


def _by_text(values: Sequence[str | None], descending: bool) -> Order:
    known = [place for place, value in enumerate(values) if value is not None]
    known.sort(key=lambda place: natural_key(Path(values[place] or "")), reverse=descending)
    return np.array([*known, *(p for p, value in enumerate(values) if value is None)], np.int64)
