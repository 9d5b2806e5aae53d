"""All pairs that reach a threshold are found, or the most similar of them."""

import numpy as np
import pytest

from faceswap.core.seeding import generator
from faceswap.people import similar_pairs as module
from faceswap.people.groups import Groups, number_names
from faceswap.people.similar_pairs import similar_pairs


def some_groups(count: int) -> Groups:
    random = generator(0, "pairs")
    vectors = random.normal(size=(count, 12)).astype(np.float32)
    groups = Groups(count, 12)
    groups.count = count
    groups.means[:] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    groups.weights[:] = 1
    return groups


def expected_pairs(groups: Groups, threshold: float) -> dict[tuple[int, int], float]:
    alive = groups.alive().tolist()
    similar = groups.means.astype(np.float64) @ groups.means.astype(np.float64).T
    return {
        (i, j): float(similar[i, j])
        for i in alive
        for j in alive
        if i < j and similar[i, j] >= threshold
    }


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch):
    monkeypatch.setattr(module, "_ROWS", 16)
    monkeypatch.setattr(module, "_COLUMNS", 24)


def test_all_pairs_from_a_threshold():
    groups = some_groups(100)
    groups.merge(np.array([3, 10]), np.array([50, 99]))
    found = similar_pairs(groups, 0.3, limit=10_000)
    expected = expected_pairs(groups, 0.3)
    assert {*zip(found.first.tolist(), found.second.tolist(), strict=True)} == {*expected}
    np.testing.assert_allclose(sorted(found.similarity), sorted(expected.values()), atol=1e-12)
    assert found.level == 0.3
    assert len(expected) > 300


def test_the_level_rises_where_too_many_pairs_reach_the_threshold():
    groups = some_groups(100)
    found = similar_pairs(groups, -1.0, limit=40)
    best = sorted(expected_pairs(groups, -1.0).values())[-40:]
    np.testing.assert_allclose(sorted(found.similarity), best, atol=1e-12)
    assert found.level == pytest.approx(best[0])


def test_groups_of_two_names_are_no_pair():
    groups = some_groups(40)
    groups.names[:] = number_names(["ann", "eve", None, None] * 10)
    found = similar_pairs(groups, -1.0, limit=10_000)
    pairs = {*zip((found.first % 4).tolist(), (found.second % 4).tolist(), strict=True)}
    assert {(0, 1), (1, 0)}.isdisjoint(pairs)
    assert {(0, 0), (1, 1), (0, 2), (3, 1)} <= pairs
