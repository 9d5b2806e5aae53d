"""Groups tracks by person: agglomerative clustering with average linkage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.people.embeddings import SAME_PERSON
from faceswap.people.group_index import GroupIndex
from faceswap.people.groups import Groups, number_names
from faceswap.people.joining import join_alike
from faceswap.people.linkage import merge_similar
from faceswap.people.similar_pairs import similar_pairs

EXACT_GROUPS = 200_000
"""Number of groups of nearly equal embeddings up to which all of them are compared.

That takes about two minutes on one core, with the square of the number; the search for neighbours
in the index takes longer up to here, and grows with the number.
"""

_PAIRS = 2_000_000  # in memory at a time
_PAIRS_OF_GROUP = 8  # for more groups


@dataclass(frozen=True)
class Grouping:
    """Embeddings grouped by person.

    Attributes:
        groups: Number of the group of each embedding, in order of first appearance.
        approximate: Whether only approximate neighbours were compared.
    """

    groups: list[int]
    approximate: bool


def group_people(
    embeddings: NDArray[np.floating],
    weights: Sequence[float],
    names: Sequence[str | None],
    threshold: float = SAME_PERSON,
) -> list[int]:
    """Groups embeddings so that each group is one person; see ``find_groups``.

    Returns:
        Number of the group of each embedding, in order of first appearance.
    """
    return find_groups(embeddings, weights, names, threshold).groups


def find_groups(
    embeddings: NDArray[np.floating],
    weights: Sequence[float] | NDArray[np.number],
    names: Sequence[str | None],
    threshold: float = SAME_PERSON,
    exact_up_to: int = EXACT_GROUPS,
) -> Grouping:
    """Groups embeddings so that each group is one person.

    Args:
        embeddings: Mean embeddings, ``(N, D)``.
        weights: Number of faces behind each embedding, ``(N,)``.
        names: Known person of each embedding; None where it is to be found. Embeddings of one name
            are in one group, however unlike they are; embeddings of two names never are.
        threshold: Mean cosine similarity from which two groups are one person.
        exact_up_to: Number of groups of nearly equal embeddings up to which all pairs are compared.
            More are compared with their approximate neighbours.
    """
    if not names:
        return Grouping([], approximate=False)
    faces = np.asarray(weights, np.float64)
    groups, index = join_alike(embeddings, faces, number_names(names), exact_up_to)
    if index is None:
        _merge_all(groups, threshold)
    else:
        _merge_neighbours(groups, index, threshold)
    groups.join_named()
    return Grouping(groups.members(), approximate=index is not None)


def _merge_all(groups: Groups, threshold: float) -> None:
    level = np.inf
    while level > threshold:
        pairs = similar_pairs(groups, threshold, _PAIRS)
        merge_similar(groups, pairs)
        level = pairs.level


def _merge_neighbours(groups: Groups, index: GroupIndex, threshold: float) -> None:
    changed = groups.alive()
    limit = max(_PAIRS, _PAIRS_OF_GROUP * groups.count)
    while len(changed):
        index.put(changed)
        pairs = index.similar_pairs(changed, threshold, limit)
        before = groups.alive()
        changed = merge_similar(groups, pairs)
        index.remove(np.setdiff1d(before, groups.alive()))
