import cv2
import numpy as np
import torch

from faceswap.conversion.colour_transfer import colour_transfers, lab_to_rgb, rgb_to_lab


def random_image(seed: int, size: int = 32) -> torch.Tensor:
    return torch.rand(2, 3, size, size, generator=torch.Generator().manual_seed(seed))


def test_lab_agrees_with_opencv():
    rgb = random_image(0)
    expected = cv2.cvtColor(rgb[0].permute(1, 2, 0).numpy(), cv2.COLOR_RGB2LAB)
    found = rgb_to_lab(rgb)[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(found, expected, atol=0.6)  # OpenCV interpolates in a table


def test_lab_round_trip():
    rgb = random_image(1)
    torch.testing.assert_close(lab_to_rgb(rgb_to_lab(rgb)), rgb, atol=1e-5, rtol=0)


def test_lab_transfer_matches_mean_and_deviation_within_the_mask():
    face, target = 0.4 + 0.25 * random_image(2), 0.5 + 0.3 * random_image(3)
    weight = torch.zeros(2, 1, 32, 32)
    weight[..., 8:24, 8:24] = 1
    matched = rgb_to_lab(colour_transfers.get("lab")(face, target, weight))[..., 8:24, 8:24]
    wanted = rgb_to_lab(target)[..., 8:24, 8:24]
    torch.testing.assert_close(matched.mean((2, 3)), wanted.mean((2, 3)), atol=0.2, rtol=0)
    torch.testing.assert_close(matched.std((2, 3)), wanted.std((2, 3)), atol=0.3, rtol=0.02)


def test_contrast_grows_by_at_most_a_third():
    face, target = 0.5 + 0.1 * random_image(8), 0.3 + 0.5 * random_image(9)
    whole = torch.ones(2, 1, 32, 32)
    before, after = (
        rgb_to_lab(each).std((2, 3))
        for each in (face, colour_transfers.get("lab")(face, target, whole))
    )
    torch.testing.assert_close(after / before, torch.full((2, 3), 1.3), atol=0.02, rtol=0)


def test_noise_of_a_flat_face_is_not_amplified():
    face = 0.5 + 0.001 * random_image(4)
    matched = colour_transfers.get("lab")(face, random_image(5), torch.ones(2, 1, 32, 32))
    assert matched.std((2, 3)).max() < 0.01


def test_none_changes_nothing():
    face = random_image(6)
    assert colour_transfers.get("none")(face, random_image(7), torch.ones(2, 1, 32, 32)) is face
