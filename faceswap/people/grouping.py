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
_NOBODY = -1  # number of the name of an embedding without a name


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
            are in one group, however unlike they are; embeddings of two names never are.
        threshold: Mean cosine similarity from which two groups are one person.

    Returns:
        Number of the group of each embedding, in order of first appearance.
    """
    if not names:
        return []
    groups = _Groups(np.asarray(embeddings, np.float64), np.asarray(weights, np.float64), names)
    groups.join_alike()
    groups.agglomerate(threshold)
    groups.join_named()
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
        self._embeddings, self._all_weights = embeddings, weights
        numbers = {name: number for number, name in enumerate(dict.fromkeys(filter(None, names)))}
        known = [numbers[name] if name else _NOBODY for name in names]
        self._all_names = np.array(known)
        self._means = np.empty_like(embeddings)  # of the groups; the first `_count` rows are used
        self._weights = np.zeros(len(names))
        self._names = np.full(len(names), _NOBODY)
        self._count = 0

    def join_alike(self) -> None:
        """Makes the first groups, of nearly equal embeddings; those with a name come first."""
        for number in np.argsort(self._all_names == _NOBODY, kind="stable").tolist():
            name = self._all_names[number]
            alike = self._means[: self._count] @ self._embeddings[number]
            if name != _NOBODY:
                alike[self._names[: self._count] != name] = -np.inf
            best = int(alike.argmax()) if self._count else 0
            joins = self._count and alike[best] >= _ALIKE
            self._add(number, best if joins else self._count)

    def _add(self, number: int, group: int) -> None:
        self.of[number] = group
        if group == self._count:
            self._count += 1
            self._names[group] = self._all_names[number]
        weight, new = self._weights[group], self._all_weights[number]
        old = self._means[group] * weight if weight else 0.0
        self._means[group] = (old + self._embeddings[number] * new) / (weight + new)
        self._weights[group] = weight + new

    def agglomerate(self, threshold: float) -> None:
        """Merges the two most similar groups until none are similar enough."""
        count = self._count
        means, names = self._means[:count], self._names[:count]
        similar = means @ means.T
        similar[_differ(names[:, None], names)] = -np.inf
        np.fill_diagonal(similar, -np.inf)
        merged = np.zeros(count, bool)
        while True:
            first, second = sorted(divmod(int(similar.argmax()), count))
            if similar[first, second] < threshold:
                return
            self._merge(first, second)
            merged[second] = True
            row = means @ means[first]
            row[merged | _differ(names, names[first])] = -np.inf
            row[first] = -np.inf
            similar[first], similar[:, first] = row, row
            similar[second], similar[:, second] = -np.inf, -np.inf

    def _merge(self, first: int, second: int) -> None:
        here, there = self._weights[first], self._weights[second]
        total = here + there
        self._means[first] = (self._means[first] * here + self._means[second] * there) / total
        self._weights[first] = total
        self._names[first] = max(self._names[first], self._names[second])
        self.of[self.of == second] = first

    def join_named(self) -> None:
        """Joins the groups of each name, which may look different: with a beard and without."""
        for name in np.unique(self._names[self._names != _NOBODY]):
            groups = np.flatnonzero(self._names[: self._count] == name)
            self.of[np.isin(self.of, groups)] = groups[0]


def _differ(names: NDArray[np.integer], others: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Whether both have a name, and not the same one."""
    return (names != others) & (names != _NOBODY) & (others != _NOBODY)
