import numpy as np

from faceswap.data.colour_statistics import colour_statistics, transfer_matrix


def crop(seed, low, high):
    random = np.random.default_rng(seed)
    image = random.integers(low, high, (64, 64, 6)).astype(np.uint8)
    image[..., 3] = 0
    image[16:48, 16:48, 3] = 255
    return image


def test_statistics_cover_the_face_only():
    image = crop(0, 100, 120)
    image[:16, :, :3] = 255
    mean, spread = colour_statistics(image)
    assert abs(mean[0] - 109.5 / 255) < 0.01
    assert spread.max() < 0.05


def test_the_matrix_gives_one_face_the_statistics_of_another():
    dark, bright = crop(1, 20, 60), crop(2, 120, 180)
    matrix = transfer_matrix(colour_statistics(dark), colour_statistics(bright))
    rgb = dark[..., :3] / 255 @ matrix[:, :3].T + matrix[:, 3]
    changed = np.dstack([np.round(rgb * 255), dark[..., 3:]]).clip(0, 255).astype(np.uint8)
    np.testing.assert_allclose(colour_statistics(changed), colour_statistics(bright), atol=0.01)


def test_a_face_keeps_its_own_colours():
    statistics = colour_statistics(crop(3, 50, 200))
    np.testing.assert_allclose(transfer_matrix(statistics, statistics), np.eye(3, 4), atol=1e-5)
