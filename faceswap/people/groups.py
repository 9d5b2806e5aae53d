"""Groups of embeddings, each represented by its mean and its weight alone."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

NOBODY = -1
"""Number of the name of an embedding or group without a name."""

_CHUNK = 1 << 15  # pairs whose means are in memory at a time, as float64


class Groups:
    """Groups of embeddings while they are merged.

    The mean cosine similarity between two groups is the dot product of their mean embeddings as
    they are, not scaled to length 1.

    Args:
        count: Number of embeddings.
        dimensions: Length of an embedding.

    Attributes:
        count: Number of groups that were ever made, G.
        of: Number of the group of each embedding, ``(N,)``; see ``members``.
        means: Mean embeddings, ``(N, D) float32``; the first G rows are used.
        weights: Weights, ``(N,)``.
        names: Number of the name of each group, ``(N,)``; ``NOBODY`` where it has none.
    """

    def __init__(self, count: int, dimensions: int) -> None:
        self.count = 0
        self.of = np.full(count, -1, np.int32)
        # Memory of rows that are never written is not taken.
        self.means = np.empty((count, dimensions), np.float32)
        self.weights = np.zeros(count)
        self.names = np.full(count, NOBODY, np.int32)
        self._merged_into = np.arange(count, dtype=np.int32)

    def alive(self) -> NDArray[np.int64]:
        """Numbers of the groups that have not been merged into others, ascending."""
        return np.flatnonzero(self._merged_into[: self.count] == np.arange(self.count))

    def similarity(
        self, first: NDArray[np.integer], second: NDArray[np.integer]
    ) -> NDArray[np.float64]:
        """Similarity of pairs of groups, ``(P,)``; -inf where both have a name, and another one.

        Args:
            first: Group of each pair, ``(P,)``.
            second: The other group of each pair, ``(P,)``.
        """
        found = np.empty(len(first))
        for start in range(0, len(first), _CHUNK):
            here, there = first[start : start + _CHUNK], second[start : start + _CHUNK]
            means = self.means[here].astype(np.float64), self.means[there].astype(np.float64)
            found[start : start + _CHUNK] = np.einsum("ij,ij->i", *means)
        found[differ(self.names[first], self.names[second])] = -np.inf
        return found

    def merge(self, first: NDArray[np.integer], second: NDArray[np.integer]) -> None:
        """Merges the second group of each pair into the first one.

        Args:
            first: Group of each pair, ``(P,)``; no group is in two pairs.
            second: The other group of each pair, ``(P,)``.
        """
        here, there = self.weights[first], self.weights[second]
        total = here + there
        for start in range(0, len(first), _CHUNK):
            some = slice(start, start + _CHUNK)
            sums = self.means[first[some]] * here[some, None]
            sums += self.means[second[some]] * there[some, None]
            self.means[first[some]] = sums / total[some, None]
        self.weights[first] = total
        self.names[first] = np.maximum(self.names[first], self.names[second])
        self._merged_into[second] = first

    def join_named(self) -> None:
        """Joins the groups of each name, which may look different: with a beard and without."""
        alive = self.alive()
        named = alive[self.names[alive] != NOBODY]
        _, first, which = np.unique(self.names[named], return_index=True, return_inverse=True)
        self._merged_into[named] = named[first[which]]

    def members(self) -> list[int]:
        """Number of the final group of each embedding, in order of first appearance."""
        into = self._merged_into
        while not np.array_equal(further := into[into], into):
            into = further
        _, first, which = np.unique(into[self.of], return_index=True, return_inverse=True)
        rank = np.empty(len(first), np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        return rank[which].tolist()


def number_names(names: Sequence[str | None]) -> NDArray[np.int32]:
    """Number of the name of each embedding, ``(N,)``; ``NOBODY`` where it has none."""
    numbers: dict[str, int] = {}
    known = [NOBODY if not name else numbers.setdefault(name, len(numbers)) for name in names]
    return np.array(known, np.int32)


def differ(names: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether both have a name, and not the same one."""
    return (names != others) & (names != NOBODY) & (others != NOBODY)
