import numpy as np

from faceswap.demonstration.talking_head.motion import Gesture, perform, track_of

BOUNDS = {
    "yaw": 25,
    "pitch": 11,
    "roll": 9,
    "blink": 1,
    "mouth": 1,
    "smile": 1,
    "brow": 1,
    "gaze": 1,
    "zoom": 0.14,
    "exposure": 0.3,
    "side_light": 1,
    "warmth": 1,
}


def test_performance_is_a_function_of_its_seed():
    assert perform(50, seed=3) == perform(50, seed=3)
    assert perform(50, seed=3) != perform(50, seed=4)


def test_longer_performance_begins_like_the_shorter_one():
    long, short = perform(120, seed=5), perform(40, seed=5)
    assert long[:40] == short


def test_no_two_gestures_alike():
    gestures = perform(600, seed=1)
    table = np.stack([track_of(gestures, name) for name in BOUNDS], axis=1)
    assert len(np.unique(table.round(6), axis=0)) == len(gestures)


def test_movements_are_bounded_used_and_smooth():
    gestures = perform(1000, seed=2)
    for name, bound in BOUNDS.items():
        track = track_of(gestures, name)
        assert np.abs(track).max() <= bound, name
        assert np.ptp(track) > 0.5 * bound, name
    assert np.abs(np.diff(track_of(gestures, "yaw"))).max() < 4
    assert track_of(gestures, "blink").min() >= 0


def test_speed_does_not_depend_on_the_frame_rate():
    slow, fast = perform(50, seed=6, fps=25), perform(100, seed=6, fps=50)
    np.testing.assert_allclose(track_of(fast, "yaw")[::2], track_of(slow, "yaw"), atol=1e-9)


def test_blinks_come_and_go():
    closed = track_of(perform(1000, seed=9), "blink") > 0.95
    onsets = np.count_nonzero(np.diff(closed.astype(int)) == 1)
    assert 10 < onsets < 34  # 40 seconds
    assert closed.mean() < 0.2


def test_no_frames_no_gestures():
    assert perform(0, seed=1) == []
    assert Gesture() == Gesture(yaw=0.0)
