"""Groups of the faces of a faceset."""

from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import ConfigError
from faceswap.core.names import plain_names
from faceswap.curation.columns import KINDS, numbers, read_columns
from faceswap.curation.likeness import VECTORS, OnFaces, Vectors
from faceswap.curation.measures import MEASURES
from faceswap.curation.near_duplicates import near_duplicates
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset

Groups = list[str | None]

# Up to which distance faces belong to one group: a few visible differences, a third of the colours
# in other places, and two embeddings of one person.
_THRESHOLDS = {"similarity": 8.0, "colour": 0.35, "identity": 0.9}
_WITHOUT = "without a group"
_AS_THEY_ARE = frozenset({"track", "frame", "face", "filled"})
"""Columns of numbers whose values are groups themselves."""


def group_keys() -> list[str]:
    """Names of all groupings, sorted."""
    return sorted({*KINDS, *VECTORS, "pose"} - {"image", "mask", "order", "group"})


def grouped_faces(
    faceset: Faceset,
    faces: Sequence[Face],
    key: str,
    *,
    bins: int = 5,
    threshold: float | None = None,
    on_faces: OnFaces = lambda _count: None,
) -> Groups:
    """Groups faces by a column or measure, by pose, or by their likeness.

    Angles are divided into ranges of equal width, other numbers into ranges of equally many faces.

    Args:
        faceset: Their faceset.
        faces: Faces whose crops are in ``images/``.
        key: One of ``group_keys``.
        bins: Number of ranges of a number; of yaw and of pitch each for ``pose``.
        threshold: Distance up to which faces are alike, for ``similarity``, ``colour`` and
            ``identity``; None for a usual one.
        on_faces: Callback with the number of faces read since its last call.

    Returns:
        Name of the group of each face; None where the value is missing.

    Raises:
        ConfigError: There is no such grouping.
        FacesetError: It needs embeddings, and the faceset has none.
        MediaError: A crop is needed, and is missing or damaged.
    """
    if key in VECTORS:
        limit = _THRESHOLDS[key] if threshold is None else threshold
        return _alike(VECTORS[key](faceset, faces, on_faces), faces, limit)
    if key == "pose":
        yaw, pitch = (
            np.array([getattr(face, name) for face in faces]) for name in ("yaw", "pitch")
        )
        pairs = zip(_ranges("pitch", pitch, bins), _ranges("yaw", yaw, bins), strict=True)
        return [f"{first}, {second}" for first, second in pairs]
    if key not in group_keys():
        raise ConfigError(
            f"Faces cannot be grouped by {key!r}.", f"Known: {', '.join(group_keys())}."
        )
    column = read_columns(faceset, faces, [key], on_faces)
    if KINDS[key] == "text":
        return column[key].to_pylist()
    if key in _AS_THEY_ARE:
        return [None if value is None else f"{key} {value}" for value in column[key].to_pylist()]
    return _ranges(key, numbers(column, key), bins)


def group_folders(groups: Collection[str | None]) -> dict[str | None, str]:
    """Name of the folder of each group, and of that of the faces without one (None)."""
    names = plain_names([group for group in groups if group is not None], [_WITHOUT])
    return {None: _WITHOUT, **names}


def _alike(vectors: Vectors, faces: Sequence[Face], threshold: float) -> Groups:
    """Groups around the sharpest faces, numbered by size: the largest one first."""
    quality = np.array([face.sharpness for face in faces])
    centres = near_duplicates(vectors, quality, threshold)
    names, counts = np.unique(centres, return_counts=True)
    ranked = names[np.argsort(-counts, kind="stable")]
    number = {int(centre): place for place, centre in enumerate(ranked, 1)}
    digits = len(str(len(ranked)))
    return [f"{number[int(centre)]:0{digits}}" for centre in centres]


def _ranges(key: str, values: NDArray[np.floating], bins: int) -> Groups:
    """Names of the ranges of values, which sort by value."""
    known = values[np.isfinite(values)]
    if not len(known):
        return [None] * len(values)
    if key in MEASURES and MEASURES[key].unit == "°":
        edges = np.linspace(np.floor(known.min()), np.ceil(known.max()), bins + 1)
    else:
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)))
    inner = edges[1:-1]
    digits = len(str(len(inner) + 1))
    names = [
        f"{key} {place:0{digits}} ({_short(low)} to {_short(high)})"
        for place, (low, high) in enumerate(pairwise(edges), 1)
    ] or [f"{key} 1 ({_short(edges[0])})"]
    return [
        names[np.searchsorted(inner, value, "right")] if np.isfinite(value) else None
        for value in values
    ]


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
