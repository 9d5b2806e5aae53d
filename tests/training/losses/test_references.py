"""Values of the terms against other implementations."""

import numpy as np
import pytest
import torch
from scipy import ndimage
from torchmetrics.functional.image import (
    image_gradients,
    multiscale_structural_similarity_index_measure,
)

from faceswap.training.losses.frequency import focal_frequency
from faceswap.training.losses.gradients import gmsd, gradient, total_variation
from faceswap.training.losses.pixels import l2, log_cosh
from faceswap.training.losses.pyramid import laplacian
from faceswap.training.losses.structure import ms_ssim, ms_ssim_scales

SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def pair(side=64, noise=0.1):
    """Two images ``(H, W, 3) float64`` and a weight map ``(H, W)``."""
    random = np.random.default_rng(0)
    first = ndimage.gaussian_filter(random.random((side, side + 8, 3)), (2, 2, 0))
    first = (first - first.min()) / np.ptp(first)
    second = np.clip(first + random.normal(0, noise, first.shape), 0, 1)
    return first, second, 0.1 + random.random(first.shape[:2])


def value(term, first, second, weights=None, **options):
    weights = np.ones(first.shape[:2]) if weights is None else weights
    images = [torch.from_numpy(x.astype(np.float32)).permute(2, 0, 1) for x in (first, second)]
    return term(*images, torch.from_numpy(weights.astype(np.float32))[None], **options).item()


def mean(values, weights):
    return np.average(values.mean(-1), weights=weights)


def test_l2_and_log_cosh():
    first, second, weights = pair(noise=0.5)
    difference = first - second
    assert value(l2, first, second, weights) == pytest.approx(mean(difference**2, weights))
    expected = mean(np.log(np.cosh(difference)), weights)
    assert value(log_cosh, first, second, weights) == pytest.approx(expected, rel=1e-4)


def test_ms_ssim_is_that_of_the_paper():
    first, second, weights = pair(side=176)
    product, (one, two, where) = 1.0, (first, second, weights)

    def blurred(image):
        return ndimage.gaussian_filter(image, (1.5, 1.5, 0), truncate=3.4, mode="reflect")

    for number, exponent in enumerate(SCALES):
        means = blurred(one), blurred(two)
        variances = blurred(one**2) - means[0] ** 2 + blurred(two**2) - means[1] ** 2
        covariance = blurred(one * two) - means[0] * means[1]
        seen = (2 * covariance + 0.03**2) / (variances + 0.03**2)
        if number == 4:
            powers = means[0] ** 2 + means[1] ** 2
            seen = seen * (2 * means[0] * means[1] + 0.01**2) / (powers + 0.01**2)
        product *= mean(seen, where) ** exponent
        half = [x[: len(x) // 2 * 2, : x.shape[1] // 2 * 2] for x in (one, two, where)]
        one, two, where = (
            x.reshape(len(x) // 2, 2, x.shape[1] // 2, 2, -1).mean((1, 3)) for x in half
        )
        where = where[..., 0]
    assert value(ms_ssim, first, second, weights) == pytest.approx(1 - product, abs=1e-4)


def test_ms_ssim_is_nearly_that_of_torchmetrics():
    # Which leaves out the borders.
    first, second, _ = pair(side=256, noise=0.3)
    one, two = (torch.from_numpy(x).float().permute(2, 0, 1)[None] for x in (first, second))
    theirs = multiscale_structural_similarity_index_measure(one, two, data_range=1.0, betas=SCALES)
    assert isinstance(theirs, torch.Tensor)
    assert value(ms_ssim, first, second) == pytest.approx(1 - theirs.item(), abs=0.01)


def test_scales_of_ms_ssim_fit_into_the_image():
    assert ms_ssim_scales(256) == pytest.approx(SCALES, abs=1e-4)
    assert len(ms_ssim_scales(128)) == 4
    assert len(ms_ssim_scales(64)) == 3
    assert ms_ssim_scales(8) == [1.0]
    assert sum(ms_ssim_scales(64)) == pytest.approx(1)


def test_gmsd_is_that_of_the_paper():
    first, second, weights = pair()

    def magnitudes(image):
        grey = image @ (0.299, 0.587, 0.114)
        small = grey.reshape(len(grey) // 2, 2, -1, 2).mean((1, 3))
        slopes = [ndimage.prewitt(small, axis, mode="nearest") / 3 for axis in (0, 1)]
        return np.hypot(*slopes)

    one, two = magnitudes(first), magnitudes(second)
    constant = 170 / 255**2
    similarity = (2 * one * two + constant) / (one**2 + two**2 + constant)
    where = weights.reshape(len(weights) // 2, 2, -1, 2).mean((1, 3))
    average = np.average(similarity, weights=where)
    expected = np.average((similarity - average) ** 2, weights=where) ** 0.5
    assert value(gmsd, first, second, weights) == pytest.approx(expected, rel=1e-4)


def test_gradient_and_total_variation_are_those_of_torchmetrics():
    first, second, _ = pair()
    image = torch.from_numpy(first - second).float().permute(2, 0, 1)[None]
    down, right = image_gradients(image)  # 0 in the last row and in the last column
    height, width = image.shape[-2:]
    expected = down.abs().mean() * height / (height - 1) + right.abs().mean() * width / (width - 1)
    assert value(gradient, first, second) == pytest.approx(expected.item() / 2, rel=1e-4)
    found = value(total_variation, first - second, first * 0)
    assert found == pytest.approx(expected.item() / 2, rel=1e-4)


def test_the_laplacian_pyramid_is_that_of_scipy():
    first, second, weights = pair()
    one, two, total = first, second, 0.0
    while min(one.shape[:2]) >= 16:
        smooth = [
            ndimage.gaussian_filter(x, (1, 1, 0), truncate=3, mode="reflect") for x in (one, two)
        ]
        total += mean(np.abs((one - smooth[0]) - (two - smooth[1])), weights)
        one, two, weights = (x[::2, ::2] for x in (*smooth, weights))
    total += mean(np.abs(one - two), weights)
    assert value(laplacian, first, second, pair()[2]) == pytest.approx(total, rel=1e-4)


@pytest.mark.parametrize("width", [40, 41])
def test_focal_frequency_is_that_of_the_paper(width):
    first, second, _ = pair()
    first, second = first[:, :width], second[:, :width]
    spectrum = np.fft.fft2(first - second, axes=(0, 1), norm="ortho")
    distance = np.abs(spectrum) ** 2
    focus = np.abs(spectrum) / np.abs(spectrum).max((0, 1))
    expected = (focus * distance).mean()
    assert value(focal_frequency, first, second) == pytest.approx(expected, rel=1e-4)


def test_focal_frequency_without_focus_is_the_weighted_l2_loss():
    first, second, weights = pair()
    found = value(focal_frequency, first, second, weights, alpha=0.0)
    assert found == pytest.approx(value(l2, first, second, weights), rel=1e-4)
