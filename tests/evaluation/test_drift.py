from collections.abc import Iterable

import numpy as np
import pytest

from faceswap.evaluation.drift import identity_drift

FRAMES = 12


def turning(step: float, frames: Iterable[int] = range(FRAMES)):
    """Embeddings that turn by ``step`` radians a frame, by frame."""
    return {("a", n): np.array([np.cos(n * step), np.sin(n * step)], np.float32) for n in frames}


def test_drift_is_the_ratio_of_the_distances_of_consecutive_frames():
    # A chord of a small angle is as long as its arc.
    assert identity_drift(turning(0.01), turning(0.03)) == pytest.approx(3, rel=1e-3)
    assert identity_drift(turning(0.03), turning(0.01)) == pytest.approx(1 / 3, rel=1e-3)
    assert identity_drift(turning(0.02), turning(0.02)) == 1
    assert identity_drift(turning(0.02), turning(0)) == 0


def test_jumps_across_gaps_and_clips_are_not_drift():
    frames = [0, 1, 2, 6, 7]
    before, after = turning(0.01, frames), turning(0.01, frames)
    for frame in (("a", 6), ("a", 7)):
        after[frame] = -after[frame]
    before |= {("b", n): vector for (_, n), vector in turning(0.01, frames).items()}
    after |= {("b", n): -vector for (_, n), vector in turning(0.01, frames).items()}
    assert identity_drift(before, after) == pytest.approx(1)


def test_one_jump_is_spread_over_the_frames():
    jumping = turning(0.01)
    for n in range(6, FRAMES):
        jumping["a", n] = -jumping["a", n]
    expected = (10 * 0.01 + 2) / (11 * 0.01)
    assert identity_drift(turning(0.01), jumping) == pytest.approx(expected, rel=1e-2)


def test_drift_needs_consecutive_frames_and_a_source_that_changes():
    apart = turning(0.1, [0, 2, 4])
    assert identity_drift(apart, apart) is None
    assert identity_drift(turning(0), turning(0.1)) is None
