import pytest
import torch
from torch.profiler import ProfilerActivity, profile

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.grain import Grain
from faceswap.conversion.detail.luma import rgb_to_ycc, ycc_to_rgb
from faceswap.conversion.detail.noise import measure_noise

EVERYWHERE = torch.ones(1, 1, 240, 200)


def shaded() -> torch.Tensor:
    """A smooth picture without noise, ``(1, 3, 240, 200)``."""
    rows = torch.linspace(0.35, 0.6, 240)[:, None] + 0.1 * torch.linspace(-1, 1, 200).square()
    return rows.expand(1, 3, -1, -1).clone()


def noise(levels: float, spots: float, seed: int = 0) -> torch.Tensor:
    """Noise of luma and colour differences, of a standard deviation in levels of 255."""
    random = torch.Generator().manual_seed(seed)
    white = torch.randn(1, 3, 240, 200, generator=random)
    correlated = gaussian_blur(white, torch.tensor([spots]))
    return ycc_to_rgb(levels / 255 * correlated / correlated.std())


def deviation(image: torch.Tensor) -> torch.Tensor:
    return 255 * measure_noise(image, EVERYWHERE)[0, :, 0].sqrt()


def correlation(image: torch.Tensor) -> torch.Tensor:
    variance, covariance = measure_noise(image, EVERYWHERE)[0].unbind(-1)
    return covariance / variance


def test_a_smooth_picture_has_no_noise():
    assert deviation(shaded()).max() < 0.02


@pytest.mark.parametrize("levels", [1.0, 4.0])
def test_white_noise_is_measured(levels):
    found = deviation(shaded() + noise(levels, 0))
    torch.testing.assert_close(found, torch.full((3,), levels), rtol=0.15, atol=0)


def test_detail_is_no_noise():
    stripes = shaded()
    stripes[..., :120, ::6] += 0.2  # half of the picture is texture
    found = deviation(stripes + noise(2, 0))
    torch.testing.assert_close(found, deviation(shaded() + noise(2, 0)), rtol=0.1, atol=0)


def test_only_what_is_covered_counts():
    weights = EVERYWHERE.clone()
    weights[..., :100, :] = 0
    picture = shaded() + noise(4, 0)
    picture[..., :100, :] = 0.5
    covered = measure_noise(picture, weights)[0, 0, 0].sqrt()
    assert 255 * covered.item() == pytest.approx(4, rel=0.2)


def test_nothing_is_measured_where_noise_is_clipped():
    white = (torch.full((1, 3, 240, 200), 1.0) + noise(4, 0)).clamp(0, 1)
    assert measure_noise(white, EVERYWHERE).abs().max() == 0


@pytest.mark.parametrize("spots", [0.0, 0.5, 0.8, 1.0])
@pytest.mark.parametrize("levels", [2.0, 5.0])
def test_grain_has_the_strength_and_correlation_of_the_footage(levels, spots):
    footage = shaded() + noise(levels, spots)
    grained = Grain().match(shaded(), footage, EVERYWHERE, 1.0, (3, 14))
    torch.testing.assert_close(deviation(grained), deviation(footage), rtol=0.1, atol=0.02)
    torch.testing.assert_close(correlation(grained), correlation(footage), rtol=0, atol=0.1)


def test_a_face_with_grain_of_its_own_gets_the_rest():
    footage, face = shaded() + noise(3, 0.6), shaded() + noise(2, 0.6, seed=1)
    grained = Grain().match(face, footage, EVERYWHERE, 1.0, (0, 0))
    torch.testing.assert_close(deviation(grained), deviation(footage), rtol=0.1, atol=0)
    assert Grain().match(footage, face, EVERYWHERE, 1.0, (0, 0)) is footage


@pytest.mark.parametrize(("levels", "fraction"), [(0.7, 0), (1, 0.5), (1.3, 1), (6, 1)])
def test_grain_that_nobody_sees_is_left_out(levels, fraction):
    face = torch.full((1, 3, 240, 200), 0.5)
    grained = Grain().add(face, variances_of((levels / 255) ** 2), (0, 0))
    added = rgb_to_ycc(grained - face)[:, 0]
    assert 255 * added.std().item() == pytest.approx(fraction * levels, rel=0.05)
    assert fraction or grained is face


def test_grain_depends_on_track_and_frame_alone():
    grain, variances = Grain(), variances_of(1e-4)
    first = grain.add(shaded(), variances, (1, 7))
    assert torch.equal(first, Grain().add(shaded(), variances, (1, 7)))
    fields = [rgb_to_ycc(grain.add(shaded(), variances, seed) - shaded()) for seed in SEEDS]
    for other in fields[1:]:
        alike = torch.corrcoef(torch.stack([fields[0][0, 0].flatten(), other[0, 0].flatten()]))
        assert abs(alike[0, 1].item()) < 0.05


def variances_of(variance: float) -> torch.Tensor:
    """Variances of fields of which only the one without spots is used."""
    return torch.tensor([variance, 0, 0, 0]).expand(3, 4)


SEEDS = ((1, 7), (1, 8), (2, 7))


def test_a_face_larger_than_the_field_is_covered():
    large = torch.full((1, 3, 40, 1200), 0.5)
    grained = Grain().add(large, variances_of(1e-4), (0, 0))
    assert (grained[..., 1100:] - 0.5).std().item() == pytest.approx(
        (grained[..., :100] - 0.5).std().item(), rel=0.1
    )


def test_grain_of_a_large_face_is_not_made_of_copies_of_all_fields():
    """Of 12 fields, one is visible."""
    large, variances = torch.full((1, 3, 700, 700), 0.5), torch.zeros(3, 4)
    variances[0, 0] = 1e-4
    grain = Grain()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiled:
        grained = grain.add(large, variances, (0, 0))
    assert not torch.equal(grained, large)
    most = max(event.self_cpu_memory_usage for event in profiled.key_averages())
    assert 0 < most <= 2 * large.nbytes


def test_the_field_is_repeated_without_a_seam_under_a_large_face():
    large = torch.full((1, 3, 1300, 40), 0.5)
    added = (Grain().add(large, variances_of(1e-4), (5, 2)) - large)[0, 0]
    torch.testing.assert_close(added[:660], added[640:])
    assert (added[:640] - added[1:641]).square().mean() > added.var()
