import cv2
import numpy as np
import pytest

from faceswap.evaluation.sharpness import RealDetail, detail_energy
from faceswap.geometry.mean_face import MEAN_FACE
from tests.footage import moving_portrait

FRAMES = (3, 11, 19, 27)


@pytest.fixture(scope="module")
def real(facesets):
    return RealDetail(pairs(facesets["alice"]))


@pytest.fixture(scope="module")
def frames(facesets):
    faces = facesets["alice"].by_frame()
    return [(moving_portrait(index), faces[index][0].landmarks) for index in FRAMES]


def pairs(faceset):
    return [(faceset, face) for face in faceset.trainable()]


def mean_sharpness(real, frames, change=lambda image: image, zoom=1.0):
    """Sharpness of changed frames that are enlarged by ``zoom``."""
    way = cv2.INTER_CUBIC if zoom > 1 else cv2.INTER_AREA
    changed = [
        (cv2.resize(change(image), None, fx=zoom, fy=zoom, interpolation=way), points)
        for image, points in frames
    ]
    return np.mean(
        [real.sharpness(image, (points + 0.5) * zoom - 0.5) for image, points in changed]
    )


def blur(sigma):
    return lambda image: cv2.GaussianBlur(image, (0, 0), sigma)


def noise(levels):
    random = np.random.default_rng(0)
    return lambda image: np.clip(image + random.normal(0, levels, image.shape), 0, 255).astype(
        np.uint8
    )


def test_real_faces_are_as_sharp_as_the_real_faces(real, frames):
    assert mean_sharpness(real, frames) == pytest.approx(1, abs=0.1)


def test_blur_lowers_the_sharpness(real, frames):
    values = [mean_sharpness(real, frames, blur(sigma)) for sigma in (0.4, 0.7, 1, 1.5, 2, 4)]
    assert values == sorted(values, reverse=True)
    assert values[0] < 0.95
    assert values[2] < 0.5
    assert values[-1] < 0.02


@pytest.mark.parametrize("sigma", [0.8, 1, 1.5])
def test_blur_of_waves_leaves_the_energy_that_theory_says(sigma):
    points = 100 * MEAN_FACE[:, :2] + 128
    frequency = 0.2  # cycles per pixel
    wave = 128 + 60 * np.sin(2 * np.pi * frequency * np.arange(256))
    image = np.repeat(np.tile(wave, (256, 1))[..., None], 3, axis=2).round().astype(np.uint8)
    whole, blurred = (detail_energy(shown, points, 90) for shown in (image, blur(sigma)(image)))
    assert blurred / whole == pytest.approx(np.exp(-((2 * np.pi * frequency * sigma) ** 2)), 0.05)


def test_noise_raises_the_sharpness(real, frames):
    values = [mean_sharpness(real, frames, noise(levels)) for levels in (0, 4, 8, 16, 32)]
    assert values == sorted(values)
    assert values[-1] > 1.5
    # White noise of twice the amplitude adds four times the energy.
    added = np.array(values[1:]) - values[0]
    assert added[-1] / added[-2] == pytest.approx(4, rel=0.2)


def test_noise_does_not_hide_what_blur_takes_away(real, frames):
    assert mean_sharpness(real, frames, lambda image: noise(4)(blur(2)(image))) < 0.5


def test_light_does_not_change_the_sharpness(real, frames):
    normal = mean_sharpness(real, frames)
    for gain in (0.5, 0.7, 1.1):
        lit = mean_sharpness(
            real, frames, lambda image, gain=gain: cv2.convertScaleAbs(image, alpha=gain)
        )
        assert lit == pytest.approx(normal, rel=0.12)


def test_a_face_of_another_size_is_compared_at_the_smaller_size(real, frames):
    # Enlarged or reduced, real detail stays real detail...
    for zoom in (0.5, 0.75, 2, 3):
        assert mean_sharpness(real, frames, zoom=zoom) == pytest.approx(1, abs=0.25)
    # ... and a blur of the same part of the face stays a blur.
    blurred = mean_sharpness(real, frames, blur(1))
    assert mean_sharpness(real, frames, blur(1), zoom=2) == pytest.approx(blurred, rel=0.25)


def test_background_and_hair_do_not_count(real, frames):
    def scribbled(image):
        changed = noise(60)(image)
        changed[mask > 0] = image[mask > 0]
        return changed

    image, points = frames[0]
    mask = np.zeros(image.shape[:2], np.uint8)
    cv2.fillConvexPoly(mask, cv2.convexHull(points.round().astype(np.int32)), 1)
    assert real.sharpness(scribbled(image), points) == pytest.approx(
        real.sharpness(image, points), rel=0.05
    )
