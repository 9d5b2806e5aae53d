import os

import numpy as np

from faceswap.data.augmentation import PhotometricChange


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
