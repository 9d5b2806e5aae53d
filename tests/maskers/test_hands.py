"""Tests of the finder of hands, with the published networks."""

import numpy as np
import pytest

from faceswap.landmarkers.registry import Roi
from faceswap.maskers.hands import Hand, build_hand_finder, fill_hand
from tests.hand_pictures import add_hand, hand_points

WIDTH = 54.0  # px, of the palm of the hand
POINTS = hand_points(160, 250, 60)
EMPTY = np.full((320, 320, 3), (70, 80, 95), np.uint8)
WHOLE = Roi((160.0, 160.0), 320.0, 0.0)


@pytest.fixture(scope="module")
def finder():
    return build_hand_finder()


def error(hand: Hand, points: np.ndarray) -> float:
    """Mean distance of landmarks in widths of the palm."""
    return float(np.linalg.norm(hand.points - points, axis=1).mean() / WIDTH)


def found(finder, image, roi=WHOLE):
    (rois,) = finder.search([image], [roi])
    return finder.place([image] * len(rois), rois)


def test_landmarks_of_a_hand(finder):
    (hand,) = found(finder, add_hand(EMPTY, POINTS))
    assert hand.presence > 0.8
    assert error(hand, POINTS) < 0.2
    assert hand.size == pytest.approx(WIDTH, rel=0.2)


def test_a_hand_that_lies_is_found_in_its_own_region(finder):
    image = np.ascontiguousarray(np.rot90(add_hand(EMPTY, POINTS)))
    points = np.c_[POINTS[:, 1], 319 - POINTS[:, 0]]
    (hand,) = found(finder, image)
    assert hand.presence > 0.8
    assert error(hand, points) < 0.25
    assert abs((hand.roi().angle - -90 + 180) % 360 - 180) < 20  # fingers to the left


def test_a_region_may_reach_beyond_the_image(finder):
    (hand,) = found(finder, add_hand(EMPTY, POINTS), Roi((60.0, 250.0), 420.0, 0.0))
    assert error(hand, POINTS) < 0.25


def test_a_hand_is_found_again_where_it_moved(finder):
    (hand,) = found(finder, add_hand(EMPTY, POINTS))
    moved = POINTS + np.array([20, -10])
    (again,) = finder.place([add_hand(EMPTY, moved)], [hand.roi()])
    assert again.presence > 0.8
    assert error(again, moved) < 0.2
    assert again.is_same(hand)
    assert not again.is_same(Hand(again.points + np.float32(2 * WIDTH), 1.0))


def test_where_no_hand_is_none_is_found(finder):
    assert found(finder, EMPTY) == []
    assert finder.place([], []) == []
    (nothing,) = finder.place([EMPTY], [WHOLE])
    assert nothing.presence < 0.5


def test_several_images_give_what_each_gives(finder):
    images = [add_hand(EMPTY, POINTS), EMPTY, add_hand(EMPTY, POINTS + np.array([-40, 10]))]
    together = finder.search(images, [WHOLE] * 3)
    assert [len(rois) for rois in together] == [1, 0, 1]
    (alone,) = finder.search(images[2:], [WHOLE])
    np.testing.assert_allclose(together[2][0].center, alone[0].center, atol=0.01)


def test_a_rendered_hand_covers_palm_and_fingers_and_not_what_is_between():
    mask = np.zeros((320, 320), np.uint8)
    fill_hand(mask, POINTS, 200)
    x, y = POINTS.round().astype(int).T
    assert (mask[y, x] == 200).all()
    assert set(np.unique(mask)) == {0, 200}
    between = (POINTS[4] + POINTS[8]) / 2  # tips of thumb and index finger
    assert mask[round(between[1]), round(between[0])] == 0
    row = mask[round(POINTS[11, 1])] > 0  # across three fingers
    assert row.sum() == pytest.approx(3 * 2 * 0.19 * WIDTH, rel=0.25)
    fill_hand(mask, POINTS, 100)
    assert mask.max() == 200
    assert (mask > 0).mean() < 0.25
