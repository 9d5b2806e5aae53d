import os

import cv2
import numpy as np

from faceswap.data.augmentation import Degradation, LocalContrast, PhotometricChange


def picture():
    return np.random.default_rng(0).integers(40, 200, (32, 32, 3), dtype=np.uint8)


def test_the_change_is_a_pure_function_of_image_and_seed():
    image = picture()
    first = [PhotometricChange(1.0)(image, seed) for seed in range(20)]
    change = PhotometricChange(1.0)
    again = [change(image, seed) for seed in reversed(range(20))][::-1]
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(image, picture())


def test_seeds_differ_and_stay_moderate():
    image = picture()
    change = PhotometricChange(1.0)
    changed = np.stack([change(image, seed) for seed in range(50)]).astype(float)
    differences = np.abs(changed - image).mean((1, 2, 3))
    assert len(np.unique(differences.round(6))) > 25
    assert 2 < differences.mean() < 30
    assert changed.dtype == float
    assert changed.min() >= 0


def test_no_strength_is_no_change():
    assert PhotometricChange(0.0)(picture(), 3) is not None
    np.testing.assert_array_equal(PhotometricChange(0.0)(picture(), 3), picture())


def test_albumentations_does_not_look_for_updates():
    assert os.environ["NO_ALBUMENTATIONS_UPDATE"]


def test_local_contrast_is_a_pure_function_of_its_seed():
    image = np.repeat(np.linspace(90, 120, 32)[:, None, None], 32, 1).repeat(3, 2).astype(np.uint8)
    contrast = LocalContrast(0.5)
    found = [contrast(image, seed) for seed in range(40)]
    for seed in (31, 3, 17):
        np.testing.assert_array_equal(LocalContrast(0.5)(image, seed), found[seed])
    changed = [each for each in found if not np.array_equal(each, image)]
    assert 10 < len(changed) < 30
    assert all(each.std() > image.std() for each in changed)
    assert LocalContrast(0.0)(image, 0) is image


def fine(image):
    """Amount of fine detail."""
    return np.abs(np.diff(image.astype(float), axis=1)).mean()


def textured(sigma):
    """Random colours, blurred."""
    noise = np.random.default_rng(0).uniform(0, 255, (96, 96, 3))
    return cv2.GaussianBlur(noise, (0, 0), sigma).astype(np.uint8)


def test_degraded_faces_lose_detail_or_gain_noise_and_half_stay():
    sharp, soft = textured(1.5), textured(2.5)
    degradation = Degradation(1.0, 64)
    found = [degradation(sharp, seed) for seed in range(100)]
    for seed in (70, 3, 12):
        np.testing.assert_array_equal(Degradation(1.0, 64)(sharp, seed), found[seed])
    same = sum(np.array_equal(each, sharp) for each in found)
    assert 40 < same < 70
    assert min(fine(each) for each in found) < 0.6 * fine(sharp)  # blurred
    assert max(fine(degradation(soft, seed)) for seed in range(100)) > 1.5 * fine(soft)  # noisy
    for each in found:
        assert each.shape == sharp.shape
        assert abs(float(each.mean()) - float(sharp.mean())) < 6  # as bright as before


def test_a_stronger_degradation_changes_more():
    image = cv2.resize(picture(), (96, 96)).astype(np.uint8)

    def change(strength):
        degradation = Degradation(strength, 64)
        return np.mean([np.abs(degradation(image, s).astype(float) - image) for s in range(60)])

    assert change(0.3) < change(1.0) < change(2.0)


def test_a_batch_is_degraded_face_by_face():
    crops = np.random.default_rng(1).integers(0, 255, (2, 3, 32, 32, 6), dtype=np.uint8)
    seeds = [[1, 2, 3], [4, 5, 6]]
    degradation = Degradation(1.0, 24)
    found = degradation.of_batch(crops, seeds)
    assert found.shape == (2, 3, 32, 32, 3)
    expected = degradation(np.ascontiguousarray(crops[1, 2, ..., :3]), 6)
    np.testing.assert_array_equal(found[1, 2], expected)
