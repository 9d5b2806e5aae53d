"""Pairs of similar groups, found by comparing all of them in tiles."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.people.groups import Groups

ROUNDING = 1e-5
"""Upper bound of the error of a dot product of vectors of length 1 in float32."""

_ROWS, _COLUMNS = 512, 4096  # of a tile: 8 MiB, which a cache holds


@dataclass(frozen=True)
class Pairs:
    """Pairs of groups that may be merged.

    Attributes:
        first: Lower group of each pair, ``(P,) int64``.
        second: Higher group of each pair, ``(P,) int64``.
        similarity: Similarity of each pair, ``(P,) float64``.
        level: Similarity from which these are all pairs that are known.
    """

    first: NDArray[np.int64]
    second: NDArray[np.int64]
    similarity: NDArray[np.float64]
    level: float

    @classmethod
    def of(
        cls, groups: Groups, first: NDArray[np.int64], second: NDArray[np.int64], level: float
    ) -> "Pairs":
        """Those of the pairs whose similarity reaches a level."""
        similarity = groups.similarity(first, second)
        kept = similarity >= level
        return cls(first[kept], second[kept], similarity[kept], level)

    @classmethod
    def best_of(cls, found: list["Pairs"], limit: int, level: float) -> "Pairs":
        """The most similar pairs, ``limit`` at most; the level rises to the last of them."""
        first = np.concatenate([np.empty(0, np.int64), *(pairs.first for pairs in found)])
        second = np.concatenate([np.empty(0, np.int64), *(pairs.second for pairs in found)])
        similarity = np.concatenate([np.empty(0), *(pairs.similarity for pairs in found)])
        if len(first) <= limit:
            return cls(first, second, similarity, level)
        best = np.sort(np.argpartition(-similarity, limit)[:limit])
        kept = similarity[best]
        return cls(first[best], second[best], kept, float(kept.min()))


def above(
    rows: NDArray[np.float32], columns: NDArray[np.float32], level: float
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Pairs whose dot product in float32 reaches a level, one tile of the product at a time.

    Args:
        rows: Vectors, ``(R, D)``.
        columns: Vectors, ``(C, D)``.
        level: Dot product.

    Yields:
        Row and column of each pair, ``(P,)``.
    """
    for top in range(0, len(rows), _ROWS):
        for left in range(0, len(columns), _COLUMNS):
            tile = rows[top : top + _ROWS] @ columns[left : left + _COLUMNS].T
            hits = np.flatnonzero(tile.max(axis=1) >= level)  # few, and found faster than pairs
            row, column = np.nonzero(tile[hits] >= level)
            yield hits[row] + top, column + left


def similar_pairs(groups: Groups, threshold: float, limit: int) -> Pairs:
    """Pairs of groups whose similarity reaches a threshold.

    Args:
        groups: Groups.
        threshold: Lowest similarity.
        limit: Maximum number of pairs. If more reach the threshold, these are the most similar
            ones, and their level is higher than it.
    """
    alive = groups.alive()
    means = groups.means[alive]
    found, count, level = [], 0, threshold
    for top in range(0, len(alive), _ROWS):
        rows = means[top : top + _ROWS]
        for row, column in above(rows, means[top:], level - ROUNDING):
            once = row < column
            pairs = Pairs.of(groups, alive[row[once] + top], alive[column[once] + top], level)
            found.append(pairs)
            count += len(pairs.first)
            if count > 2 * limit:
                best = Pairs.best_of(found, limit, level)
                found, count, level = [best], limit, best.level
    return Pairs.best_of(found, limit, level)
