import math

import cv2
import numpy as np
import pytest
import torch

from faceswap.conversion.detail.blur import gaussian_blur, line_blur
from faceswap.conversion.detail.sharpening import sharpen


def random_images(count: int = 2, height: int = 40, width: int = 50) -> torch.Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(0))


def test_each_image_gets_the_blur_that_opencv_gives_it():
    images, sigmas = random_images(), (0.7, 2.0)
    blurred = gaussian_blur(images, torch.tensor(sigmas))
    for image, found, sigma in zip(images, blurred, sigmas, strict=True):
        side = 2 * math.ceil(3 * max(sigmas)) + 1
        expected = cv2.GaussianBlur(
            image.permute(1, 2, 0).numpy(), (side, side), sigma, borderType=cv2.BORDER_REPLICATE
        )
        np.testing.assert_allclose(found.permute(1, 2, 0), expected, atol=1e-5)


def test_a_blur_of_no_width_changes_nothing():
    images = random_images()
    assert gaussian_blur(images, torch.zeros(2)) is images
    torch.testing.assert_close(gaussian_blur(images, torch.tensor([0.0, 1.0]))[0], images[0])


@pytest.mark.parametrize("vector", [(6.0, 0.0), (0.0, 6.0), (4.0, -3.0), (2.5, 7.1)])
def test_a_point_becomes_its_line(vector):
    point = torch.zeros(1, 1, 31, 31)
    point[..., 15, 15] = 1
    weights = line_blur(point, np.array([vector]))[0, 0].double()
    offsets = torch.arange(-15.0, 16.0, dtype=torch.float64)
    moments = [
        [(weights * a * b).sum().item() for a in (offsets[None], offsets[:, None])]
        for b in (offsets[None], offsets[:, None])
    ]
    assert weights.sum().item() == pytest.approx(1)
    assert (weights * offsets[None]).sum().item() == pytest.approx(0, abs=1e-6)
    # A line has a twelfth of its squared length as variance; rendering adds less than a quarter.
    line = np.outer(vector, vector) / 12
    np.testing.assert_allclose(moments, line, atol=0.26)


def test_each_image_gets_its_own_line_and_none_for_a_face_at_rest():
    images = random_images()
    blurred = line_blur(images, np.array([[0.0, 0.0], [8.0, 0.0]]))
    torch.testing.assert_close(blurred[0], images[0])
    torch.testing.assert_close(blurred[1:], line_blur(images[1:], np.array([[8.0, 0.0]])))
    assert blurred[1].diff(dim=-1).abs().mean() < 0.3 * images[1].diff(dim=-1).abs().mean()


def test_sharpening_adds_what_the_blur_takes_away():
    wave = 0.5 + 0.1 * torch.sin(torch.arange(120) * 0.5).expand(1, 3, 60, 120)
    sharp = sharpen(wave, 0.8, torch.tensor([1.5]))
    # The blur leaves exp(-(frequency * sigma)^2 / 2) of a wave.
    gain = 1 + 0.8 * (1 - math.exp(-((0.5 * 1.5) ** 2) / 2))
    inner = (..., slice(20, 100))
    torch.testing.assert_close(sharp[inner] - 0.5, gain * (wave[inner] - 0.5), atol=1e-3, rtol=0)
