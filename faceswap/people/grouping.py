"""Groups tracks by person: agglomerative clustering with average linkage.

The mean cosine similarity between two groups is the dot product of their mean embeddings as they
are, not scaled to length 1, so a group is represented by its mean and its weight alone.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.people.embeddings import SAME_PERSON

# Similarity from which tracks are joined without a search for the most similar pair, so that
# thousands of photos of a person cost no more than one.
_ALIKE = 0.75


def group_people(
    embeddings: NDArray[np.floating],
    weights: Sequence[float],
    names: Sequence[str | None],
    threshold: float = SAME_PERSON,
) -> list[int]:
    """Groups embeddings so that each group is one person.

    Args:
        embeddings: Mean embeddings, ``(N, D)``.
        weights: Number of faces behind each embedding, ``(N,)``.
        names: Known person of each embedding; None where it is to be found. Embeddings of one name
            are in one group, embeddings of two names never are.
        threshold: Mean cosine similarity from which two groups are one person.

    Returns:
        Number of the group of each embedding, in order of first appearance.
    """
    if not names:
        return []
    groups = _Groups(np.asarray(embeddings, np.float64), np.asarray(weights, np.float64), names)
    groups.join_alike()
    groups.agglomerate(threshold)
    order = {group: number for number, group in enumerate(dict.fromkeys(groups.of.tolist()))}
    return [order[group] for group in groups.of.tolist()]


class _Groups:
    """Groups of embeddings while they are merged.

    Args:
        embeddings: Embeddings, ``(N, D)``.
        weights: Weights, ``(N,)``.
        names: Known person of each embedding, or None.

    Attributes:
        of: Number of the group of each embedding, ``(N,)``.
    """

    def __init__(
        self,
        embeddings: NDArray[np.float64],
        weights: NDArray[np.float64],
        names: Sequence[str | None],
    ) -> None:
        self.of = np.full(len(names), -1)
        self._embeddings, self._all_weights, self._all_names = embeddings, weights, names
        self._means = np.empty_like(embeddings)  # of the groups; the first `_count` rows are used
        self._weights = np.zeros(len(names))
        self._named = np.zeros(len(names), bool)
        self._count = 0

    def join_alike(self) -> None:
        """Makes the first groups: one per name, and of nearly equal embeddings."""
        by_name: dict[str, int] = {}
        for number, name in enumerate(self._all_names):
            if name is not None:
                group = by_name.setdefault(name, self._count)
                self._add(number, group)
                self._named[group] = True
        for number, name in enumerate(self._all_names):
            if name is None:
                alike = self._means[: self._count] @ self._embeddings[number]
                best = int(alike.argmax()) if self._count else 0
                joins = self._count and alike[best] >= _ALIKE
                self._add(number, best if joins else self._count)

    def _add(self, number: int, group: int) -> None:
        self.of[number] = group
        self._count = max(self._count, group + 1)
        weight, new = self._weights[group], self._all_weights[number]
        old = self._means[group] * weight if weight else 0.0
        self._means[group] = (old + self._embeddings[number] * new) / (weight + new)
        self._weights[group] = weight + new

    def agglomerate(self, threshold: float) -> None:
        """Merges the two most similar groups until none are similar enough."""
        count = self._count
        means, named = self._means[:count], self._named[:count]
        similar = means @ means.T
        similar[np.ix_(named, named)] = -np.inf
        np.fill_diagonal(similar, -np.inf)
        merged = np.zeros(count, bool)
        while True:
            first, second = sorted(divmod(int(similar.argmax()), count))
            if similar[first, second] < threshold:
                return
            self._merge(first, second)
            merged[second] = True
            row = means @ means[first]
            row[merged | (named & named[first])] = -np.inf
            row[first] = -np.inf
            similar[first], similar[:, first] = row, row
            similar[second], similar[:, second] = -np.inf, -np.inf

    def _merge(self, first: int, second: int) -> None:
        here, there = self._weights[first], self._weights[second]
        total = here + there
        self._means[first] = (self._means[first] * here + self._means[second] * there) / total
        self._weights[first] = total
        self._named[first] |= self._named[second]
        self.of[self.of == second] = first
