"""Index of the approximate neighbours of groups: an HNSW graph of usearch.

Y. Malkov and D. Yashunin, Efficient and robust approximate nearest neighbor search using
Hierarchical Navigable Small World graphs, 2018.
"""

import numpy as np
from numpy.typing import NDArray
from usearch.index import BatchMatches, Index

from faceswap.people.groups import Groups
from faceswap.people.similar_pairs import Pairs

_NEIGHBOURS = 16  # of each group; further ones are found when some of these have been merged
_CONNECTIVITY, _EXPANSION = 16, 96  # of the graph; see `python tools/benchmark.py people`
_BATCH = 1 << 13  # queries at a time


class GroupIndex:
    """Means of groups in 8 bits each number, by number of the group.

    One thread builds and searches it, so that the same groups have the same neighbours in each run.

    Args:
        groups: Groups, which may change afterwards.
    """

    def __init__(self, groups: Groups) -> None:
        self._groups = groups
        self._weights = np.zeros(len(groups.weights))  # of the groups when they were added
        self._index = Index(
            ndim=groups.means.shape[1],
            metric="cos",
            dtype="i8",
            connectivity=_CONNECTIVITY,
            expansion_add=_EXPANSION,
            expansion_search=_EXPANSION,
        )

    def put(self, numbers: NDArray[np.integer]) -> None:
        """Adds groups, and replaces those that have grown since they were added.

        Args:
            numbers: Numbers of the groups, ``(K,)``.
        """
        grown = numbers[self._groups.weights[numbers] != self._weights[numbers]]
        self.remove(grown)
        self._index.add(grown.astype(np.uint64), self._groups.means[grown], threads=1)
        self._weights[grown] = self._groups.weights[grown]

    def remove(self, numbers: NDArray[np.integer]) -> None:
        """Removes groups, as far as they are there."""
        keys = numbers.astype(np.uint64)
        self._index.remove(keys[self._index.contains(keys)], threads=1)

    def nearest(
        self, vectors: NDArray[np.float32], count: int
    ) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Approximate neighbours of vectors.

        Args:
            vectors: Vectors, ``(R, D)``.
            count: Maximum number of neighbours of each.

        Returns:
            Row and group of each pair of neighbours, ``(P,)``.
        """
        found = self._index.search(vectors, count, threads=1)
        if not isinstance(found, BatchMatches):  # of a single vector
            return np.zeros(len(found), np.int64), np.asarray(found.keys).astype(np.int64)
        there = np.arange(count) < np.asarray(found.counts)[:, None]
        return np.nonzero(there)[0], np.asarray(found.keys)[there].astype(np.int64)

    def similar_pairs(self, numbers: NDArray[np.int64], threshold: float, limit: int) -> Pairs:
        """Pairs of groups and their neighbours whose similarity reaches a threshold.

        Args:
            numbers: Numbers of the groups whose neighbours are searched, ``(K,)``.
            threshold: Lowest similarity.
            limit: Maximum number of pairs, the most similar ones.
        """
        groups, found = self._groups, []
        for start in range(0, len(numbers), _BATCH):
            some = numbers[start : start + _BATCH]
            row, other = self.nearest(groups.means[some], _NEIGHBOURS)
            here = some[row]
            keys = np.unique(np.minimum(here, other) * groups.count + np.maximum(here, other))
            first, second = np.divmod(keys, groups.count)
            apart = first != second
            found.append(Pairs.of(groups, first[apart], second[apart], threshold))
        return Pairs.best_of(found, limit, threshold)
