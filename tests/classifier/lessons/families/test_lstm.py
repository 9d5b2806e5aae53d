import numpy as np
import pytest
import torch

from classifier.lessons.families import lstm
from tests.classifier.lessons.drawing import check_figure


@pytest.fixture(scope="module")
def result() -> lstm.Forecasts:
    return lstm.compute(clips=12, test_clips=2, steps=60)


def test_models_forecast_better_than_the_last_frame(result: lstm.Forecasts) -> None:
    repeat, linear, network = (result.errors[name] for name in ("repeat", "linear", "lstm"))
    assert (linear[:10] < 0.7 * repeat[:10]).all()
    assert (network[2:10] < repeat[2:10]).all()
    assert all(np.diff(errors[[0, 4, 9, 24]]).min() > 0 for errors in result.errors.values())


def test_noise_of_the_observed_landmarks_is_that_of_a_normal_distribution(
    result: lstm.Forecasts,
) -> None:
    assert result.noise == pytest.approx(0.004 * np.sqrt(np.pi / 2), rel=0.01)


def test_constant_velocity_continues_a_uniform_motion() -> None:
    track = torch.arange(5.0).view(1, 5, 1, 1).expand(1, 5, 68, 2)
    expected = torch.arange(5.0, 5 + lstm.AHEAD).view(1, -1, 1, 1).expand(1, lstm.AHEAD, 68, 2)
    assert torch.allclose(lstm._constant_velocity(track), expected)


def test_forecaster_without_change_repeats_the_last_frame() -> None:
    module = lstm.Forecaster(3, 8, 4)
    torch.nn.init.zeros_(module.change.weight)
    torch.nn.init.zeros_(module.change.bias)
    past = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(module(past), past[:, -1:].expand(2, 4, 3))


def test_principal_motion_of_few_directions_is_reversible() -> None:
    random = torch.Generator().manual_seed(0)
    directions = torch.randn(5, 136, generator=random)
    tracks = (torch.randn(2, 40, 5, generator=random) @ directions).unflatten(-1, (68, 2))
    motion = lstm._principal_motion(tracks)
    kept = motion.axes[:5]
    assert torch.allclose(kept @ kept.T, torch.eye(5), atol=1e-5)
    codes = motion.encode(tracks)[..., :5]
    assert codes.flatten(0, 1).square().mean(0) == pytest.approx(torch.ones(5), abs=1e-3)


def test_lstm_figure_and_description(result: lstm.Forecasts) -> None:
    assert check_figure(lstm.LESSON, result, "LSTM").subfigs
    lines = lstm.describe(result)
    assert [line.split(":")[0].strip() for line in lines[2:]] == list(lstm.METHODS)
