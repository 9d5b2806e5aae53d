"""Approximate neighbours of groups."""

import numpy as np

from faceswap.core.seeding import generator
from faceswap.people.group_index import GroupIndex
from faceswap.people.groups import Groups


def indexed(count: int) -> tuple[Groups, GroupIndex]:
    random = generator(0, "index")
    vectors = random.normal(size=(count, 32)).astype(np.float32)
    groups = Groups(count, 32)
    groups.count = count
    groups.means[:] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    groups.weights[:] = 1
    index = GroupIndex(groups)
    index.put(np.arange(count))
    return groups, index


def test_neighbours_are_the_most_similar_groups():
    groups, index = indexed(500)
    row, found = index.nearest(groups.means[:50], 5)
    exact = np.argsort(-(groups.means[:50] @ groups.means.T), axis=1)[:, :5]
    same = [{*found[row == i]} & {*exact[i].tolist()} for i in range(50)]
    assert sum(map(len, same)) >= 0.95 * 250
    assert [found[row == i][0] for i in range(50)] == list(range(50))
    one = index.nearest(groups.means[7:8], 1)
    assert [each.tolist() for each in one] == [[0], [7]]


def test_merged_groups_are_found_by_their_new_mean():
    groups, index = indexed(300)
    groups.merge(np.array([4]), np.array([9]))
    index.put(groups.alive())
    index.remove(np.array([9]))
    mean = groups.means[4:5] / np.linalg.norm(groups.means[4])
    assert index.nearest(mean.astype(np.float32), 1)[1].tolist() == [4]
    assert 9 not in index.nearest(groups.means[9:10], 299)[1]


def test_similar_pairs_have_the_similarity_of_the_means():
    groups, index = indexed(300)
    found = index.similar_pairs(np.arange(300), 0.5, limit=1000)
    exact = groups.means.astype(np.float64) @ groups.means.astype(np.float64).T
    expected = {(i, j) for i, j in np.argwhere(exact >= 0.5).tolist() if i < j}
    assert {*zip(found.first.tolist(), found.second.tolist(), strict=True)} == expected
    np.testing.assert_allclose(found.similarity, exact[found.first, found.second], atol=1e-12)
