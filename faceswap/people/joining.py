"""The first groups: embeddings that are nearly equal.

They are joined in their order without a search for the most similar pair, so that thousands of
photos of a person cost no more than one.
"""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from faceswap.people.group_index import GroupIndex
from faceswap.people.groups import NOBODY, Groups
from faceswap.people.similar_pairs import ROUNDING, above

ALIKE = 0.75
"""Similarity from which an embedding joins the most similar group."""

_BLOCK = 512  # embeddings that are compared with the groups at a time
_NEIGHBOURS = 8  # groups of the index with which an embedding is compared


def join_alike(
    embeddings: NDArray[np.floating],
    weights: NDArray[np.float64],
    names: NDArray[np.int32],
    exact_up_to: int,
) -> tuple[Groups, GroupIndex | None]:
    """Joins embeddings that are nearly equal; those with a name come first.

    Args:
        embeddings: Embeddings, ``(N, D)``.
        weights: Weights, ``(N,)``.
        names: Number of the name of each, ``(N,)``, or ``NOBODY``.
        exact_up_to: Number of groups up to which an embedding is compared with all of them.

    Returns:
        The groups, and their index if there are more of them.
    """
    groups = Groups(*embeddings.shape)
    index = None
    order = np.argsort(names == NOBODY, kind="stable")
    for start in range(0, len(order), _BLOCK):
        numbers = order[start : start + _BLOCK]
        before = groups.count
        block = _Block(groups, embeddings[numbers].astype(np.float64))
        vectors = embeddings[numbers].astype(np.float32)
        if index is None:
            found = above(vectors, groups.means[:before], ALIKE - ROUNDING)
        else:
            found = [index.nearest(vectors, _NEIGHBOURS)]
        similar = _by_row(found, len(numbers))
        facts = zip(similar, weights[numbers].tolist(), names[numbers].tolist(), strict=True)
        groups.of[numbers] = [block.join(row, *each) for row, each in enumerate(facts)]
        block.finish()
        if index is not None:
            index.put(np.arange(before, groups.count))
        elif groups.count > exact_up_to:
            index = GroupIndex(groups)
            index.put(np.arange(groups.count))
    return groups, index


def _by_row(
    pairs: Iterable[tuple[NDArray[np.int64], NDArray[np.int64]]], rows: int
) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(rows)]
    for row, column in pairs:
        for here, there in zip(row.tolist(), column.tolist(), strict=True):
            found[here].append(there)
    return found


class _Block:
    """Groups that change while a block of embeddings joins them.

    Args:
        groups: All groups.
        vectors: Embeddings of the block, ``(B, D) float64``.
    """

    def __init__(self, groups: Groups, vectors: NDArray[np.float64]) -> None:
        self._groups, self._vectors = groups, vectors
        self._places: dict[int, int] = {}  # of the groups that changed, among these:
        self._numbers = np.empty(len(vectors), np.int64)
        self._means = np.empty_like(vectors)

    def join(self, row: int, similar: list[int], weight: float, name: int) -> int:
        """Adds an embedding to the most similar group, or to a new one.

        Args:
            row: Row of the embedding in the block.
            similar: Groups that were similar enough before the block.
            weight: Weight of the embedding.
            name: Number of its name, or ``NOBODY``.

        Returns:
            Number of the group.
        """
        best = self._best(row, similar, name)
        groups, vector = self._groups, self._vectors[row]
        if best is None:
            best = groups.count
            groups.count += 1
            groups.names[best], groups.weights[best] = name, weight
            self._enter(best, vector)
            return best
        if best not in self._places:
            self._enter(best, groups.means[best])
        place = self._places[best]
        before = groups.weights[best]
        total = before + weight
        self._means[place] = (self._means[place] * before + vector * weight) / total
        groups.weights[best] = total
        return best

    def _best(self, row: int, similar: list[int], name: int) -> int | None:
        """The most similar group that the embedding may join; the lowest of equal ones."""
        vector, count = self._vectors[row], len(self._places)
        changed = self._numbers[:count]
        others = [number for number in similar if number not in self._places]
        numbers = np.concatenate([changed, np.array(others, np.int64)])
        scores = self._means[:count] @ vector
        if others:
            scores = np.append(scores, self._groups.means[others].astype(np.float64) @ vector)
        if name != NOBODY:
            scores[self._groups.names[numbers] != name] = -np.inf
        highest = scores.max(initial=-np.inf)
        return int(numbers[scores == highest].min()) if highest >= ALIKE else None

    def _enter(self, number: int, mean: NDArray[np.floating]) -> None:
        """Notes the mean of a group that changes."""
        place = self._places[number] = len(self._places)
        self._numbers[place], self._means[place] = number, mean

    def finish(self) -> None:
        """Stores the means of the groups that changed."""
        count = len(self._places)
        self._groups.means[self._numbers[:count]] = self._means[:count]
