import cv2
import numpy as np
import pytest

from faceswap.geometry.alignment import transform_points
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers.face_texture import FACE, GRID, SKIN, read_texture

POINTS = 120 * MEAN_FACE[:, :2] + (160, 150)


def waves() -> np.ndarray:
    """A smooth picture of colours, ``(320, 320, 3) uint8``."""
    ys, xs = np.mgrid[:320, :320]
    channels = [np.sin(xs / 23), np.cos(ys / 31), np.sin((xs + ys) / 37)]
    return (127 + 90 * np.stack(channels, -1)).round().astype(np.uint8)


def test_colours_are_those_of_the_picture_at_the_points():
    texture = read_texture(waves(), POINTS)
    x, y = texture.points[FACE].T.astype(np.float32)
    seen = cv2.remap(waves(), x[None], y[None], cv2.INTER_LINEAR)[0] / 255
    np.testing.assert_allclose(texture.colours[FACE], seen, atol=0.03)
    low, high = POINTS.min(0), POINTS.max(0)
    face = texture.points[FACE]
    assert (face > low - 20).all()
    assert (face < high + 20).all()


@pytest.mark.parametrize(("angle", "scale"), [(30, 1.0), (-12, 0.6), (0, 1.3)])
def test_a_face_has_the_same_colours_wherever_it_is(angle, scale):
    matrix = cv2.getRotationMatrix2D((160, 150), angle, scale)
    moved = np.asarray(cv2.warpAffine(waves(), matrix, (320, 320)), np.uint8)
    before = read_texture(waves(), POINTS).colours
    after = read_texture(moved, transform_points(matrix, POINTS)).colours
    assert np.abs(after - before)[SKIN].max() < 0.06


def test_points_follow_the_landmarks():
    """Those around the mouth move with the chin, those at the brows stay."""
    opened = POINTS.copy()
    opened[5:12, 1] += 15
    opened[48:, 1] += 10
    moved = read_texture(waves(), opened).points - read_texture(waves(), POINTS).points
    assert np.abs(moved[:6]).max() < 3
    chin = np.argwhere(FACE)[:, 0].max()
    assert moved[chin, GRID // 2, 1] > 10


@pytest.mark.parametrize("shift", [(-150, 0), (0, 140), (-600, -600)])
def test_a_face_may_be_outside_of_the_frame(shift):
    texture = read_texture(waves(), POINTS + shift)
    assert texture.colours.shape == (GRID, GRID, 3)
    assert np.isfinite(texture.colours).all()
