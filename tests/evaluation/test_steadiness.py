import numpy as np
import pytest

from faceswap.evaluation.shape import eye_distance
from faceswap.evaluation.steadiness import flicker, jitter, triples
from faceswap.geometry.mean_face import MEAN_FACE

FRAMES = 60
POINTS = 100 * MEAN_FACE[:, :2] + 200


def clip(points):
    return {("a", number): at for number, at in enumerate(points)}


def test_triples_do_not_reach_over_gaps_or_clips():
    moments = [("a", 1), ("a", 2), ("a", 3), ("a", 5), ("b", 4), ("b", 5), ("b", 6)]
    assert [three[1] for three in triples(moments)] == [("a", 2), ("b", 5)]
    assert triples([("a", 1), ("b", 2), ("a", 3)]) == []


def test_even_motion_does_not_tremble():
    moving = clip([POINTS + np.array([3 * n, -n]) for n in range(FRAMES)])
    assert jitter(clip([POINTS] * FRAMES), moving) == pytest.approx(0, abs=1e-9)


def test_a_known_tremble_is_measured():
    # Back and forth by a pixel: a second difference of four pixels in every frame.
    still = clip([POINTS] * FRAMES)
    trembling = clip([POINTS + np.array([(-1) ** n, 0]) for n in range(FRAMES)])
    expected = 1000 * 4 / eye_distance(POINTS)
    assert jitter(still, trembling) == pytest.approx(expected)
    assert jitter(trembling, still) == pytest.approx(-expected)
    assert jitter(trembling, trembling) == 0


def test_jaw_and_lips_that_move_do_not_count():
    trembling = []
    for number in range(FRAMES):
        points = POINTS.copy()
        points[np.r_[:17, 48:68]] += (-1) ** number
        trembling.append(points)
    assert jitter(clip([POINTS] * FRAMES), clip(trembling)) == 0


def test_a_known_flicker_is_measured():
    still = clip([np.array([60.0, 10, 10])] * FRAMES)
    fading = clip([np.array([60.0 + 0.2 * n, 10, 10]) for n in range(FRAMES)])
    flickering = clip([np.array([60.0 + (-1) ** n, 10, 10]) for n in range(FRAMES)])
    assert flicker(still, fading) == pytest.approx(0, abs=1e-9)
    assert flicker(still, flickering) == pytest.approx(4)
    assert flicker(flickering, flickering) == 0


def test_frames_that_stand_alone_say_nothing():
    alone = {("a", n): POINTS for n in (0, 10, 20)}
    assert jitter(alone, alone) is None
    assert flicker(alone, alone) is None
