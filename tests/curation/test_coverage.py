"""Coverage: what A shows and B does not is found and grouped."""

import numpy as np
import pytest

from faceswap.curation.coverage import Appearance, compare, dense_groups, find_gaps


def looks(count: int, *, yaw: float = 0, mouth: float = 0, light: float = 0) -> Appearance:
    """Faces with one pose, expression and light."""
    pose, expression = np.zeros((count, 2), np.float32), np.zeros((count, 5), np.float32)
    slopes = np.zeros((count, 3), np.float32)
    pose[:, 0], expression[:, 0], slopes[:, 0] = yaw, mouth, light
    expression[:, 4] = 1
    return Appearance(pose, expression, slopes)


def joined(*sides: Appearance) -> Appearance:
    return Appearance(
        *(
            np.concatenate([getattr(side, name) for side in sides])
            for name in ("pose", "expression", "light")
        )
    )


def test_a_face_is_missing_in_what_the_other_lacks() -> None:
    first = joined(looks(3), looks(4, yaw=40), looks(5, mouth=0.2), looks(2, light=-2))
    found = compare(first, joined(looks(6), looks(1, yaw=18)))
    assert found.missing("pose").nonzero()[0].tolist() == [3, 4, 5, 6]
    assert found.missing("expression").nonzero()[0].tolist() == [7, 8, 9, 10, 11]
    assert found.missing("light").nonzero()[0].tolist() == [12, 13]
    assert found.covered.nonzero()[0].tolist() == [0, 1, 2]
    assert found.distances["pose"][3] == pytest.approx(2.2)
    assert found.nearest["pose"][3] == 6


def test_an_expression_in_another_pose_is_no_counterpart() -> None:
    first, second = looks(1, yaw=40, mouth=0.2), joined(looks(1, mouth=0.2), looks(1, yaw=40))
    found = compare(first, second)
    assert found.missing("expression").all()
    assert found.nearest["expression"].tolist() == [1]


def test_everything_has_a_counterpart_in_itself() -> None:
    random = np.random.default_rng(0)
    some = Appearance(*(random.normal(size=(50, size)).astype(np.float32) for size in (2, 5, 3)))
    found = compare(some, some)
    assert found.covered.all()
    assert not find_gaps(some, found, 12)


def test_blocks_give_what_one_block_gives(monkeypatch) -> None:
    random = np.random.default_rng(0)
    first, second = (
        Appearance(*(random.normal(size=(count, size)).astype(np.float32) for size in (2, 5, 3)))
        for count in (40, 30)
    )
    whole = compare(first, second)
    monkeypatch.setattr("faceswap.curation.coverage._DISTANCES", 100)
    compared: list[int] = []
    pieces = compare(first, second, compared.append)
    assert sum(compared) == 40
    for kind, values in whole.distances.items():
        assert pieces.distances[kind] == pytest.approx(values)
        assert pieces.nearest[kind].tolist() == whole.nearest[kind].tolist()


def test_gaps_are_groups_with_the_weightiest_first() -> None:
    first = joined(looks(100), looks(10, yaw=40), looks(30, yaw=-40), looks(5, mouth=0.2))
    gaps = find_gaps(first, compare(first, looks(9)), 12)
    assert [(gap.kind, len(gap.faces)) for gap in gaps] == [
        ("pose", 30),
        ("pose", 10),
        ("expression", 5),
    ]
    assert gaps[0].distance == pytest.approx(4)
    assert set(gaps[0].faces.tolist()) == set(range(110, 140))
    assert len(find_gaps(first, compare(first, looks(9)), 2)) == 2


def test_groups_are_dense_apart_and_complete(monkeypatch) -> None:
    monkeypatch.setattr("faceswap.curation.coverage._GROUPED_AT_MOST", 50)
    random = np.random.default_rng(0)
    centres = np.array([[0, 0], [9, 0], [0, 9]])
    vectors = np.repeat(centres, (200, 100, 50), 0) + random.uniform(-0.5, 0.5, (350, 2))
    groups = dense_groups(vectors.astype(np.float32), np.ones(350, np.float32), 5, 1.5)
    assert [len(group) for group in groups] == [200, 100, 50]
    assert sorted(np.concatenate(groups).tolist()) == list(range(350))


def test_joined_gaps_have_the_faces_and_the_weight_of_both() -> None:
    first = joined(looks(10, yaw=40), looks(30, yaw=-40), looks(1))
    large, small = find_gaps(first, compare(first, looks(9)), 12)
    both = large.joined(small)
    assert both.weight == pytest.approx(large.weight + small.weight)
    assert sorted(both.faces.tolist()) == list(range(40))
    assert len(both.nearest) == 40
