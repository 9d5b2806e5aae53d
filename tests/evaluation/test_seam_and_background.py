import cv2
import numpy as np
import pytest

from faceswap.evaluation.background import (
    background_change,
    face_colour,
    faces_mask,
    mask_iou,
)
from faceswap.evaluation.gaze import gaze
from faceswap.evaluation.seam import seam
from faceswap.geometry.mean_face import MEAN_FACE
from tests.footage import plain_picture

POINTS = 110 * MEAN_FACE[:, :2] + [128, 120]


def brightened(image, by, inset=0, blur=0.0):
    """Brighten the face mask, eroded by ``inset`` and blurred by ``blur`` pixels."""
    mask = faces_mask(image, [POINTS]).astype(np.float32)
    if inset:
        side = (2 * inset + 1, 2 * inset + 1)
        mask = cv2.erode(mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, side))
    if blur:
        mask = cv2.GaussianBlur(mask, (0, 0), blur)
    return np.clip(image + by * mask[..., None], 0, 255).round().astype(np.uint8)


@pytest.fixture
def flat():
    return np.full((256, 256, 3), 120, np.uint8)


def test_unchanged_frame_has_no_seam(flat):
    assert seam(flat, flat, POINTS) == 0
    assert seam(plain_picture(3), plain_picture(3), POINTS) == 0


@pytest.mark.parametrize("inset", [0, 5, 9])
@pytest.mark.parametrize("step", [10, 30, -30])
def test_seam_of_a_hard_edge_is_its_step(flat, inset, step):
    found = seam(flat, brightened(flat, step, inset), POINTS)
    assert found == pytest.approx(abs(step), rel=0.2)


def test_seam_of_a_narrow_face(flat):
    narrow = (POINTS - [128, 120]) * [0.25, 1] + [128, 120]
    output = np.where(faces_mask(flat, [narrow])[..., None], 140, flat).astype(np.uint8)
    assert 5 < seam(flat, output, narrow) < 30


def test_soft_edge_has_a_smaller_seam(flat):
    hard, soft = (seam(flat, brightened(flat, 30, 6, blur), POINTS) for blur in (0, 6))
    assert 0 < soft < 0.6 * hard


def test_existing_texture_is_no_seam():
    picture = plain_picture(0)
    assert seam(picture, brightened(picture, 20, 4), POINTS) == pytest.approx(20, rel=0.25)
    noise = np.random.default_rng(0).integers(-3, 4, picture.shape)
    noisy = np.clip(picture + noise, 0, 255).astype(np.uint8)
    assert seam(picture, noisy, POINTS) < 1.5


def test_change_inside_the_face_is_not_background(flat):
    change = background_change(flat, brightened(flat, 40), [POINTS])
    assert (change.largest, change.mean) == (0, 0)


def test_change_outside_the_face_is_measured(flat):
    output = flat.copy()
    output[2, 3] = (120, 127, 120)
    change = background_change(flat, output, [POINTS])
    assert change.largest == 7
    outside = 3 * (~faces_mask(flat, [POINTS], 2)).sum()
    assert change.mean == pytest.approx(7 / outside)


def test_far_mean_isolates_encoding():
    before = np.full((256, 900, 3), 120, np.uint8)
    after = before + 2
    after[:, :256] += 5  # around the face
    change = background_change(before, after, [POINTS])
    assert change.far_mean == pytest.approx(2, abs=0.2)
    assert change.mean > 2.5
    assert background_change(before[:, :256], after[:, :256], [POINTS]).far_mean is None


def test_second_swapped_face_is_not_background(flat):
    other = 0.3 * POINTS + [0, 0]
    output = np.where(faces_mask(flat, [other])[..., None], 200, flat).astype(np.uint8)
    assert background_change(flat, output, [POINTS, other]).largest == 0
    assert background_change(flat, output, [POINTS]).largest == 80


def test_mask_iou(flat):
    assert mask_iou(flat, POINTS, POINTS) == 1
    assert mask_iou(flat, POINTS, POINTS + np.array([500, 0])) == 0
    half = mask_iou(flat, POINTS, 0.5 * (POINTS - [128, 120]) + [128, 120])
    assert half == pytest.approx(0.25, abs=0.02)  # half as wide and high, inside the other


def test_face_colour_ignores_the_background(flat):
    image = flat.copy()
    image[faces_mask(flat, [POINTS])] = (255, 255, 255)
    assert face_colour(image, POINTS) == pytest.approx([100, 0, 0], abs=0.1)


def eyes(place):
    """White eyes with a dark pupil at ``place`` between the corners, -1 to 1."""
    image = np.full((256, 256, 3), 180, np.uint8)
    for eye in (slice(36, 42), slice(42, 48)):
        outline = np.round(POINTS[eye]).astype(np.int32)
        cv2.fillPoly(image, [outline], (250, 250, 250))
        left, right = outline[0], outline[3]
        x, y = (left + right) / 2 + place * (right - left) / 2
        cv2.circle(image, (round(float(x)), round(float(y))), 4, (20, 20, 20), -1)
    return image


def test_gaze_of_rendered_pupils():
    places = np.linspace(-0.5, 0.5, 9)
    found = np.array([gaze(eyes(place), POINTS) for place in places])
    assert np.corrcoef(places, found)[0, 1] > 0.99
    assert np.abs(found - places).max() < 0.15


def test_gaze_of_closed_eyes_is_none():
    points = POINTS.copy()
    for upper, lower in ((37, 41), (38, 40), (43, 47), (44, 46)):
        points[upper] = points[lower]
    points[[36, 39, 40, 41, 42, 45, 46, 47], 1] = points[36, 1]
    points[[37, 38, 43, 44], 1] = points[36, 1]
    assert gaze(eyes(0), points) is None
