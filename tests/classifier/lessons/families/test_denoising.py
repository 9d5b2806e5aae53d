import pytest
import torch

from classifier.lessons.families import denoising
from classifier.lessons.material.glyphs import digit_pixels
from tests.classifier.lessons.drawing import check_figure


@pytest.fixture
def random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_damage_is_of_the_stated_size(random: torch.Generator) -> None:
    grey = torch.full((200, 1024), 0.25)
    assert float(denoising.add_noise(grey, 0.3, random).std()) == pytest.approx(0.3, abs=0.005)
    flipped = denoising.flip_pixels(grey, 0.3, random)
    for value, fraction in ((0.0, 0.15), (1.0, 0.15), (0.25, 0.7)):
        assert float((flipped == value).float().mean()) == pytest.approx(fraction, abs=0.01)
    assert ((denoising.cut_holes(grey, random) == 0.5).sum(1) == 12**2).all()
    holed = (denoising.cut_holes(grey, random, 0.5) == 0.5).any(1)
    assert 60 < int(holed.sum()) < 140


def test_images_are_damaged_in_training_only() -> None:
    images = digit_pixels(4, 0, noise=0)[0]
    damage = denoising.Damage(0, holes=True)
    assert (damage(images) != images).any()
    assert torch.equal(damage.eval()(images), images)


def test_best_filter_fits_the_noise(random: torch.Generator) -> None:
    images = digit_pixels(30, 0, noise=0)[0]
    assert denoising.best_filter(images, images)[1] == "Gaussian 0.4"
    salted = denoising.flip_pixels(images, 0.2, random)
    assert denoising.best_filter(salted, images)[1].startswith("median")


def test_networks_repair_what_they_were_trained_on() -> None:
    result = denoising.compute(images=1500, test_images=100, steps=400)
    trained = result.by_level[0.5].errors
    assert trained["noise"] < trained["filter"] < trained["damaged"]
    assert trained["damaged"] == pytest.approx(0.5, abs=0.01)
    assert result.holes.errors["holes"] < result.holes.errors["noise"]
    assert result.originals.shape == (5, 32, 32)
    assert check_figure(denoising.LESSON, result, "original").subfigs
    assert len(denoising.describe(result)) == len(denoising.LEVELS) + 3
