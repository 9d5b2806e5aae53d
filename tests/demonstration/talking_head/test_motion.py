import numpy as np

from faceswap.demonstration.talking_head.motion import Gesture, generate_gestures, track_of

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


def test_gestures_depend_only_on_the_seed():
    assert generate_gestures(50, seed=3) == generate_gestures(50, seed=3)
    assert generate_gestures(50, seed=3) != generate_gestures(50, seed=4)


def test_longer_clip_starts_with_the_shorter_one():
    long, short = generate_gestures(120, seed=5), generate_gestures(40, seed=5)
    assert long[:40] == short


def test_gestures_are_distinct():
    gestures = generate_gestures(600, seed=1)
    table = np.stack([track_of(gestures, name) for name in BOUNDS], axis=1)
    assert len(np.unique(table.round(6), axis=0)) == len(gestures)


def test_motion_is_bounded_and_smooth():
    gestures = generate_gestures(1000, seed=2)
    for name, bound in BOUNDS.items():
        track = track_of(gestures, name)
        assert np.abs(track).max() <= bound, name
        assert np.ptp(track) > 0.5 * bound, name
    assert np.abs(np.diff(track_of(gestures, "yaw"))).max() < 4
    assert track_of(gestures, "blink").min() >= 0


def test_speed_does_not_depend_on_the_frame_rate():
    slow, fast = generate_gestures(50, seed=6, fps=25), generate_gestures(100, seed=6, fps=50)
    np.testing.assert_allclose(track_of(fast, "yaw")[::2], track_of(slow, "yaw"), atol=1e-9)


def test_blink_frequency():
    closed = track_of(generate_gestures(1000, seed=9), "blink") > 0.95
    onsets = np.count_nonzero(np.diff(closed.astype(int)) == 1)
    assert 10 < onsets < 34  # 40 seconds
    assert closed.mean() < 0.2


def test_zero_frames():
    assert generate_gestures(0, seed=1) == []
    assert Gesture() == Gesture(yaw=0.0)
