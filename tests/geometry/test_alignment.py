import math

import cv2
import numpy as np
import pytest

from faceswap.geometry.alignment import (
    compose,
    crop_matrix,
    head_pose,
    invert,
    matrix_scale,
    of_stored,
    transform_points,
    warp,
)
from faceswap.geometry.mean_face import MEAN_FACE

MIRROR = [*range(16, -1, -1), *range(26, 16, -1), 27, 28, 29, 30, *range(35, 30, -1)]
MIRROR += [45, 44, 43, 42, 47, 46, 39, 38, 37, 36, 41, 40]
MIRROR += [*range(54, 47, -1), *range(59, 54, -1), *range(64, 59, -1), *range(67, 64, -1)]


def turned(yaw: float, pitch: float, roll: float, scale: float = 100.0) -> np.ndarray:
    """68 points of the mean face, seen by an orthographic camera."""
    y, p, r = np.radians([-yaw, -pitch, roll])
    about_y = np.array([[math.cos(y), 0, math.sin(y)], [0, 1, 0], [-math.sin(y), 0, math.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(p), -math.sin(p)], [0, math.sin(p), math.cos(p)]])
    about_z = np.array([[math.cos(r), -math.sin(r), 0], [math.sin(r), math.cos(r), 0], [0, 0, 1]])
    return scale * (MEAN_FACE @ (about_z @ about_x @ about_y).T)[:, :2] + [300, 200]


def test_mean_face_is_symmetric_and_has_the_unit_it_says():
    np.testing.assert_allclose(MEAN_FACE[MIRROR], MEAN_FACE * [-1, 1, 1], atol=2e-4)
    assert np.linalg.norm(MEAN_FACE[36] - MEAN_FACE[45]) == pytest.approx(1 / 1.5, abs=1e-3)


@pytest.mark.parametrize(
    ("yaw", "pitch", "roll"), [(0, 0, 0), (40, -15, 25), (-60, 20, -80), (10, 5, 170)]
)
def test_pose_of_a_known_rotation(yaw, pitch, roll):
    pose = head_pose(turned(yaw, pitch, roll))
    assert (pose.yaw, pose.pitch, pose.roll) == pytest.approx((yaw, pitch, roll), abs=1e-6)
    assert pose.scale == pytest.approx(100)


def test_signs_of_the_angles():
    nose, bridge = 30, 27
    right = turned(30, 0, 0)
    assert right[nose, 0] > right[bridge, 0]
    up = turned(0, 30, 0)
    assert up[nose, 1] < turned(0, 0, 0)[nose, 1]
    clockwise = turned(0, 0, 20)
    assert clockwise[45, 1] > clockwise[36, 1]


def test_crop_is_upright_centred_and_of_the_asked_coverage():
    landmarks = turned(0, 0, 33, scale=80)
    matrix = crop_matrix(landmarks, 128, 1.25)
    inside = transform_points(matrix, landmarks)
    assert inside[36, 1] == pytest.approx(inside[45, 1], abs=1e-6)
    eyes = np.linalg.norm(inside[36] - inside[45])
    assert eyes == pytest.approx(128 / 1.25 / 1.5, rel=2e-3)
    assert inside[27, 0] == pytest.approx(63.5, abs=0.1)


def test_size_of_the_crop_does_not_depend_on_yaw():
    scales = [matrix_scale(crop_matrix(turned(yaw, 0, 0), 128, 1.25)) for yaw in (0, 30, 60)]
    assert scales == pytest.approx([scales[0]] * 3)


def test_invert_and_compose_round_trip():
    matrix = crop_matrix(turned(15, 3, 40), 256, 2.0)
    points = np.random.default_rng(0).uniform(0, 500, (20, 2))
    np.testing.assert_allclose(
        transform_points(compose(invert(matrix), matrix), points), points, atol=1e-9
    )


def test_warp_puts_a_pixel_where_the_matrix_says():
    image = np.zeros((400, 600, 3), np.uint8)
    landmarks = turned(10, 0, 15)
    cv2.circle(image, tuple(int(v) for v in landmarks[30].round()), 3, (255, 0, 0), -1)
    matrix = crop_matrix(landmarks, 256, 2.0)
    crop = warp(image, matrix, 256).astype(float)
    ys, xs = np.mgrid[:256, :256]
    found = np.array([(xs * crop[..., 0]).sum(), (ys * crop[..., 0]).sum()]) / crop[..., 0].sum()
    expected = transform_points(matrix, landmarks[30].round()[None])[0]
    np.testing.assert_allclose(found, expected, atol=0.3)


def test_warp_shrinks_without_aliasing():
    stripes = np.zeros((512, 512), np.uint8)
    stripes[:, ::2] = 255
    crop = warp(stripes, np.array([[0.25, 0, -0.375], [0, 0.25, -0.375]]), 128)
    assert np.abs(crop.astype(int) - 127).max() <= 2


def test_stored_pixels_that_are_not_square():
    matrix = np.array([[0.8, -0.1, 5.0], [0.1, 0.8, -3.0]])
    assert of_stored(matrix, 1.0).tobytes() == matrix.tobytes()
    # The left edge of the picture, half a pixel left of the first centre, stays where it is.
    edges = np.array([[-0.5, 0.0], [191.5, 10.0]])
    displayed = np.array([[-0.5, 0.0], [255.5, 10.0]])
    np.testing.assert_allclose(
        transform_points(of_stored(matrix, 4 / 3), edges), transform_points(matrix, displayed)
    )
