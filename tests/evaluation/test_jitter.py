import numpy as np
import pytest

from faceswap.evaluation.consecutive import consecutive
from faceswap.evaluation.jitter import flicker, jitter, jitter_ratio
from faceswap.geometry.expression import eye_distance
from faceswap.geometry.mean_face import MEAN_FACE

FRAMES = 60
POINTS = 100 * MEAN_FACE[:, :2] + 200


def clip(points):
    return {("a", number): at for number, at in enumerate(points)}


def test_consecutive_frames_do_not_span_gaps_or_clips():
    frames = [("a", 1), ("a", 2), ("a", 3), ("a", 5), ("b", 4), ("b", 5), ("b", 6)]
    assert [run[1] for run in consecutive(frames, 3)] == [("a", 2), ("b", 5)]
    assert [run[0] for run in consecutive(frames, 2)] == [("a", 1), ("a", 2), ("b", 4), ("b", 5)]
    assert consecutive([("a", 1), ("b", 2), ("a", 3)], 2) == []


def test_uniform_motion_has_no_jitter():
    moving = clip([POINTS + np.array([3 * n, -n]) for n in range(FRAMES)])
    assert jitter(clip([POINTS] * FRAMES), moving) == pytest.approx(0, abs=1e-9)


def test_jitter_of_an_alternating_shift():
    # Back and forth by a pixel: a second difference of four pixels in every frame.
    still = clip([POINTS] * FRAMES)
    jittery = clip([POINTS + np.array([(-1) ** n, 0]) for n in range(FRAMES)])
    expected = 1000 * 4 / eye_distance(POINTS)
    assert jitter(still, jittery) == pytest.approx(expected)
    assert jitter(jittery, still) == pytest.approx(-expected)
    assert jitter(jittery, jittery) == 0


def test_jitter_ratio_of_an_alternating_shift():
    moved = [
        clip([POINTS + np.array([size * (-1) ** n, 0]) for n in range(FRAMES)]) for size in (1, 3)
    ]
    assert jitter_ratio(moved[0], moved[1]) == pytest.approx(3)
    assert jitter_ratio(moved[1], moved[1]) == pytest.approx(1)
    assert jitter_ratio(clip([POINTS] * FRAMES), moved[0]) is None


def test_jaw_and_lips_are_excluded():
    jittery = []
    for number in range(FRAMES):
        points = POINTS.copy()
        points[np.r_[:17, 48:68]] += (-1) ** number
        jittery.append(points)
    assert jitter(clip([POINTS] * FRAMES), clip(jittery)) == 0


def test_flicker_of_an_alternating_colour():
    still = clip([np.array([60.0, 10, 10])] * FRAMES)
    fading = clip([np.array([60.0 + 0.2 * n, 10, 10]) for n in range(FRAMES)])
    flickering = clip([np.array([60.0 + (-1) ** n, 10, 10]) for n in range(FRAMES)])
    assert flicker(still, fading) == pytest.approx(0, abs=1e-9)
    assert flicker(still, flickering) == pytest.approx(4)
    assert flicker(flickering, flickering) == 0


def test_isolated_frames_give_none():
    alone = {("a", n): POINTS for n in (0, 10, 20)}
    assert jitter(alone, alone) is None
    assert jitter_ratio(alone, alone) is None
    assert flicker(alone, alone) is None
