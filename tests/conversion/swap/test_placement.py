import numpy as np
import pytest

from faceswap.conversion.swap.placement import Placement
from faceswap.geometry.alignment import head_pose, invert, normalised_matrix, transform_points
from faceswap.geometry.mean_face import MEAN_FACE

COVERAGE = 1.5
POINTS = MEAN_FACE[:, :2] * 120 + [200, 150]


def shown(placement: Placement, points: np.ndarray = POINTS) -> np.ndarray:
    """Where the landmarks of the swapped face appear in the frame."""
    matrix = normalised_matrix(points, COVERAGE)
    in_crop = transform_points(matrix, points)
    return transform_points(invert(placement.move(matrix, COVERAGE)), in_crop)


def test_without_change_the_matrix_stays():
    matrix = normalised_matrix(POINTS, COVERAGE)
    assert Placement().move(matrix, COVERAGE) is matrix


def test_a_face_is_enlarged_about_the_centre_of_its_crop():
    before, after = head_pose(POINTS), head_pose(shown(Placement(scale=20)))
    assert after.scale == pytest.approx(1.2 * before.scale)
    centre = transform_points(invert(normalised_matrix(POINTS, COVERAGE)), [[0, 0]])[0]
    np.testing.assert_allclose(
        shown(Placement(scale=20)) - centre, 1.2 * (POINTS - centre), atol=1e-9
    )


def test_a_face_is_shifted_by_percent_of_the_face_square():
    square = head_pose(POINTS).scale
    moved = shown(Placement(offset_x=10, offset_y=-5)) - POINTS
    np.testing.assert_allclose(moved, np.tile([0.1 * square, -0.05 * square], (68, 1)), atol=1e-6)


def test_the_shift_follows_the_head():
    angle = np.radians(30)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    tilted = POINTS @ turn.T
    moved = shown(Placement(offset_x=10, scale=30), tilted).mean(0) - shown(
        Placement(scale=30), tilted
    ).mean(0)
    expected = turn @ [0.1 * head_pose(POINTS).scale, 0]
    np.testing.assert_allclose(moved, expected, atol=1e-6)
