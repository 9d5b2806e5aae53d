"""Pose and shape metrics on synthetic landmarks."""

import numpy as np
import pytest

from faceswap.geometry.expression import (
    correlation,
    expression_error,
    eye_distance,
    frontal,
    lid_opening,
    mouth_opening,
    movement_error,
)
from faceswap.geometry.landmarks68 import INNER
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.geometry.pose import Angles, angle_difference, angles, angles_2d
from tests.heads import head, mesh_of, with_open_mouth


@pytest.mark.parametrize("turn", [(10, 0, 0), (0, 25, 0), (0, 0, -30), (-8, 0, 20)])
def test_angle_difference_of_a_rotated_head(turn):
    pitch, yaw, roll = turn
    straight, away = head(), head(pitch=pitch, yaw=yaw, roll=roll)
    for moved in (
        angle_difference(angles(mesh_of(straight)), angles(mesh_of(away))),
        angle_difference(angles_2d(straight[:, :2]), angles_2d(away[:, :2])),
    ):
        assert (moved.pitch, moved.yaw, moved.roll) == pytest.approx(turn, abs=0.5)


def test_open_mouth_does_not_change_pitch():
    closed, opened = mesh_of(head()), mesh_of(head(with_open_mouth(0.15)))
    assert angle_difference(angles(closed), angles(opened)).pitch == pytest.approx(0, abs=1e-3)


def test_angle_difference_wraps_around():
    moved = angle_difference(Angles(0, 0, 175), Angles(0, 0, -175))
    assert moved == Angles(0, 0, 10)
    assert angle_difference(moved, moved) == Angles(0, 0, 0)


def test_expression_error_is_invariant_to_similarity_transforms():
    before = head()[:, :2]
    moved = 0.4 * head(roll=35)[:, :2] + [77, -5]
    assert expression_error(before, before) == pytest.approx(0, abs=1e-9)
    assert expression_error(before, moved) == pytest.approx(0, abs=1e-9)


def test_expression_error_of_one_moved_point():
    before = head()[:, :2]
    after = before.copy()
    after[40] += [0, 0.51 * eye_distance(before)]  # one of 51 points
    # Without the fit it would be 0.01; the fit takes a little of it and spreads that over all.
    assert 0.01 < expression_error(before, after) < 0.022


def test_frontal_removes_rotation_and_keeps_the_mouth():
    straight = frontal(mesh_of(head()))
    away = frontal(mesh_of(head(pitch=12, yaw=30, roll=20)))
    np.testing.assert_allclose(away, straight, atol=1e-4)
    opened = frontal(mesh_of(head(with_open_mouth(0.1), yaw=30)))
    lips = np.array([65, 66, 67]) - INNER.start
    apart = (opened - straight)[lips, 1]
    np.testing.assert_allclose(apart, 0.1 / eye_distance(MEAN_FACE), rtol=0.02)
    assert np.abs(np.delete(opened - straight, lips, 0)).max() < 1e-4


def test_movement_error_is_independent_of_identity():
    rng = np.random.default_rng(2)
    other = MEAN_FACE + rng.normal(0, 0.03, MEAN_FACE.shape)
    gaps = 0.1 * rng.random(12)
    before = [frontal(mesh_of(head(with_open_mouth(g), yaw=3 * g))) for g in gaps]
    same = [frontal(mesh_of(head(with_open_mouth(g, other)))) for g in gaps]
    still = [frontal(mesh_of(head(other))) for _ in gaps]
    follows, frozen = movement_error(before, same), movement_error(before, still)
    assert follows is not None
    assert frozen is not None
    assert movement_error(before, before) == 0
    assert follows < 0.15 * frozen
    # Three of 51 points do not move as they should, by their distance from the mean opening.
    expected = 3 / 51 * np.abs(gaps - gaps.mean()).mean() / eye_distance(MEAN_FACE)
    assert frozen == pytest.approx(expected, rel=0.05)
    assert movement_error(before[:3], same[:3]) is None


def test_openings():
    points = MEAN_FACE[:, :2].copy()
    closed = mouth_opening(points)
    unit = eye_distance(points)
    assert mouth_opening(with_open_mouth(0.1)[:, :2]) == pytest.approx(
        closed + 0.1 / unit, rel=0.05
    )
    lids = lid_opening(points)
    points[[37, 38, 43, 44]] = points[[41, 40, 47, 46]]
    assert lids > 0.05
    assert lid_opening(points) == pytest.approx(0)


def test_correlation():
    wave = list(np.sin(np.arange(20)))
    assert correlation(wave, [3 * w + 1 for w in wave]) == pytest.approx(1)
    assert correlation(wave, [-w for w in wave]) == pytest.approx(-1)
    assert correlation(wave, [1.0] * 20) is None
    assert correlation(wave[:5], wave[:5]) is None
