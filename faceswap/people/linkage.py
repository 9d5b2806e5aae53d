"""Average linkage along known pairs of similar groups.

The similarity of a merged group to another one is a mean of those of its members, so it reaches a
level only if that of a member does: the pairs that reach it are all that is needed to merge down to
it. It is not higher than both either, so groups that are most similar to each other stay so until
they are merged, and all such pairs can be merged at once ("reciprocal nearest neighbours", F.
Murtagh, A survey of recent advances in hierarchical clustering algorithms, 1983): the result is the
same as when the most similar pair of all is merged first.
"""

import numpy as np
from numpy.typing import NDArray

from faceswap.people.groups import Groups
from faceswap.people.similar_pairs import Pairs


def merge_similar(groups: Groups, pairs: Pairs) -> NDArray[np.int64]:
    """Merges the most similar groups until no pair reaches the level of the pairs.

    Args:
        groups: Groups, which change.
        pairs: Known pairs.

    Returns:
        Groups into which others were merged, ascending.
    """
    first, second, similarity = pairs.first, pairs.second, pairs.similarity
    grown: list[NDArray[np.int64]] = []
    into = np.arange(groups.count)
    while len(first):
        chosen = _reciprocal(first, second, similarity, groups.count)
        kept, merged = first[chosen], second[chosen]
        groups.merge(kept, merged)
        grown.append(kept)
        into[merged] = kept
        touched = np.zeros(groups.count, bool)
        touched[kept] = touched[merged] = True
        changed = touched[first] | touched[second]
        here, there = _once(into[first[changed]], into[second[changed]], groups.count)
        new = Pairs.of(groups, here, there, pairs.level)
        first = np.concatenate([first[~changed], new.first])
        second = np.concatenate([second[~changed], new.second])
        similarity = np.concatenate([similarity[~changed], new.similarity])
    return np.intersect1d(np.concatenate([np.empty(0, np.int64), *grown]), groups.alive())


def _reciprocal(
    first: NDArray[np.int64],
    second: NDArray[np.int64],
    similarity: NDArray[np.float64],
    count: int,
) -> NDArray[np.int64]:
    """Positions of the pairs of groups that are each the most similar one to the other."""
    best = np.full(count, -np.inf)
    np.maximum.at(best, first, similarity)
    np.maximum.at(best, second, similarity)
    mutual = np.flatnonzero((similarity == best[first]) & (similarity == best[second]))
    mutual = mutual[np.lexsort((second[mutual], first[mutual]))]
    # Of pairs that are equally similar, each group keeps the first one.
    rank = np.arange(len(mutual))
    earliest = np.full(count, len(mutual))
    np.minimum.at(earliest, first[mutual], rank)
    np.minimum.at(earliest, second[mutual], rank)
    agreed = (earliest[first[mutual]] == rank) & (earliest[second[mutual]] == rank)
    return mutual[agreed]


def _once(
    first: NDArray[np.int64], second: NDArray[np.int64], count: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Different pairs of two groups each, the lower one first."""
    keys = np.unique(np.minimum(first, second) * count + np.maximum(first, second))
    lower, higher = np.divmod(keys, count)
    return lower[lower != higher], higher[lower != higher]
