import numpy as np
import pytest

from faceswap.data.matching import (
    Matches,
    describe_placed,
    expressions,
    nearest,
    of_each_person,
    place_landmarks,
    with_pose,
)
from faceswap.geometry.mean_face import MEAN_FACE

ONE = np.zeros(6, np.int64)  # all faces are of one person


def faces(count: int, scale: float, width: float = 1.0) -> list[np.ndarray]:
    """A face whose mouth opens from frame to frame, at any place and size."""
    found = []
    for opening in np.linspace(0, 0.2, count):
        points = MEAN_FACE[:, :2].copy()
        points[:, 0] *= width
        points[55:60, 1] += opening
        points[65:68, 1] += opening
        found.append(points * scale + (300, 200))
    return found


def test_expressions_know_neither_place_nor_size():
    small, large = expressions(faces(9, 60.0)), expressions(faces(9, 240.0))
    np.testing.assert_allclose(small, large, atol=1e-4)
    assert small.shape == (9, 104)


def test_a_wide_face_and_a_narrow_one_are_matched_by_what_the_mouth_does():
    matches = Matches(
        {"wide": expressions(faces(9, 100.0, 1.1)), "narrow": expressions(faces(9, 100.0, 0.95))}
    )
    assert set(matches) == {("wide", "narrow"), ("narrow", "wide")}
    assert np.abs(matches["wide", "narrow"][:, 0] - np.arange(9)).max() <= 1


def test_one_who_talks_through_is_not_matched_to_the_closed_mouth_of_another():
    # Nine of ten faces of the first have an open mouth, one of ten faces of the second.
    opening, closed = faces(10, 100.0)[7:], faces(10, 100.0)[:1]
    talks, silent = closed + 3 * opening, 9 * closed + opening[-1:]
    matches = Matches({"talks": expressions(talks), "silent": expressions(silent)})
    assert matches["talks", "silent"][1:, 0].tolist() == [9] * 9
    assert matches["talks", "silent"][0, 0] < 9


def blinking(lids: float) -> list[np.ndarray]:
    """Three faces with open eyes, the lids so far apart as told; one with shut eyes."""
    found = []
    for gap in (lids, lids, lids, 0.0):
        points = MEAN_FACE[:, :2].copy()
        for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
            middle = points[[upper, lower], 1].mean()
            points[upper, 1], points[lower, 1] = middle - gap / 2, middle + gap / 2
        found.append(100 * points + (300, 200))
    return found


def test_a_blink_is_matched_to_a_blink_though_the_brows_differ():
    large, small = blinking(0.09), blinking(0.07)
    small[3][17:27, 1] -= 8  # brows raised
    matches = Matches({"large": expressions(large), "small": expressions(small)})
    assert matches["large", "small"][3, 0] == 3
    assert matches["small", "large"][3, 0] == 3
    assert (matches["large", "small"][:3, 0] < 3).all()


def test_the_nearest_come_first_and_a_small_pool_gives_what_it_has():
    pool = np.array([[0.0], [10.0], [3.0]], np.float32)
    assert nearest(np.array([[2.0], [9.0]], np.float32), pool, 2).tolist() == [[2, 0], [1, 2]]
    assert nearest(np.array([[2.0]], np.float32), pool, 9).tolist() == [[2, 0, 1]]


def test_long_lists_are_searched_in_portions(monkeypatch: pytest.MonkeyPatch):
    random = np.random.default_rng(0)
    queries, pool = random.random((50, 4), np.float32), random.random((30, 4), np.float32)
    whole = nearest(queries, pool, 3)
    monkeypatch.setattr("faceswap.data.matching._DISTANCES", 7 * 30)
    assert np.array_equal(nearest(queries, pool, 3), whole)


def test_pose_decides_between_equal_expressions():
    shown = expressions([*faces(3, 100.0), *faces(3, 100.0)])
    angles = np.array([[0.0, 0.0]] * 3 + [[25.0, -10.0]] * 3, np.float32)
    first = with_pose(shown[:3], angles[:3], ONE[:3], 1.0)
    turned = with_pose(shown[:3], angles[3:], ONE[:3], 1.0)
    pool = with_pose(shown, angles, ONE, 1.0)
    assert Matches({"a": first, "b": pool})["a", "b"][:, 0].tolist() == [0, 1, 2]
    assert Matches({"a": turned, "b": pool})["a", "b"][:, 0].tolist() == [3, 4, 5]


def test_without_weight_pose_is_left_out():
    shown = expressions(faces(4, 100.0))
    assert with_pose(shown, np.ones((4, 2), np.float32), ONE[:4], 0.0) is shown


def test_matches_are_found_when_they_are_used():
    shown = expressions(faces(4, 100.0))
    matches = Matches({"a": shown, "b": shown, "c": shown})
    assert len(matches) == 6
    assert set(matches) == {(x, y) for x in "abc" for y in "abc" if x != y}
    assert matches["a", "b"] is matches["a", "b"]
    with pytest.raises(KeyError):
        matches["a", "d"]


def raised(points: np.ndarray, brows: float) -> np.ndarray:
    """A face whose brows are at rest higher, in pixels."""
    points = points.copy()
    points[17:27, 1] -= brows
    return points


def test_each_person_of_a_crowd_is_compared_with_their_own_face_at_rest():
    # Two of the crowd differ in their brows at rest. The target raises the brows in the last faces.
    people = np.repeat([0, 1], 60)
    closed, open_ = faces(21, 100.0)[:2]  # a mouth that is hardly open is not at rest
    crowd = 60 * [raised(closed, 0)] + 60 * [raised(open_, 24)]
    target = 16 * [raised(closed, 10)] + 4 * [raised(open_, 30)]
    shown = expressions(target)

    def at_rest(numbers):
        matched = describe_placed(place_landmarks(crowd), numbers)
        return Matches({"crowd": matched, "target": shown})["crowd", "target"][:, 0] < 16

    assert at_rest(people).all()
    # As one person, they would seem to raise them.
    together = at_rest(np.zeros_like(people))
    assert together[:60].all()
    assert not together[60:].any()


def test_few_faces_say_little_of_what_is_usual_for_a_person():
    usual = np.array([1.0] * 90 + [5.0] * 10 + [9.0])
    people = np.repeat([0, 1, 2], [90, 10, 1])
    found = of_each_person(lambda own: usual[own].mean(), people)
    everyone = usual.mean()
    assert found[0] == pytest.approx(0.9 + 0.1 * everyone)
    assert found[90] == pytest.approx((5 + everyone) / 2)
    assert found[100] == pytest.approx((9 + 10 * everyone) / 11)
    assert of_each_person(lambda own: usual[own].mean(), 0 * people).tolist() == [everyone]


def test_the_pose_of_each_person_of_a_crowd_is_compared_with_their_usual_one():
    shown, people = np.zeros((400, 2), np.float32), np.repeat([0, 1], 200)
    angles = np.zeros((400, 2), np.float32)
    angles[:200, 0], angles[200:, 0] = 30, -30
    turned = with_pose(shown, angles, people, 1.0)[:, 2]
    assert turned[0] == pytest.approx(1.5, abs=0.1)  # half of 30 degrees is the person's own
    as_one = with_pose(shown, angles, 0 * people, 1.0)[:, 2]
    assert as_one[0] == pytest.approx(3)


def test_faces_out_of_the_pool_match_nothing():
    shown = expressions(faces(9, 100.0))
    matches = Matches({"a": shown, "b": shown}, {"b": np.array([0, 5, 8])})
    assert matches["a", "b"][5].tolist() == [5, 8, 0]
    assert set(matches["a", "b"].ravel().tolist()) == {0, 5, 8}
    assert matches["b", "a"][4, 0] == 4
