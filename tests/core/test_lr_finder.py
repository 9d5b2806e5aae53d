import numpy as np
import pytest

from faceswap.core.errors import TrainingError
from faceswap.core.lr_finder import LRFinderResult, plot_result, range_test


def test_a_sweep_ends_where_the_loss_diverges_and_takes_no_further_step():
    rates, asked = np.geomspace(1e-6, 1, 60), []

    def losses():
        for rate in rates:
            asked.append(rate)
            yield 1.0 if rate < 1e-3 else 1e4 * rate

    result = range_test(rates, losses())
    assert len(result.rates) == len(asked) < 40
    assert result.smoothed[-1] > 4


def test_a_loss_that_is_not_finite_ends_it():
    result = range_test(np.geomspace(1, 2, 9), iter([3.0, 2.0, 1.0, float("nan"), 1.0]))
    assert result.losses.tolist() == [3.0, 2.0, 1.0]
    with pytest.raises(TrainingError, match="non-finite"):
        range_test(np.geomspace(1, 2, 9), iter([3.0, float("inf")]))


def test_gradient_descent_on_a_quadratic_gets_a_rate_below_its_limit(tmp_path):
    # Diverges above 2 / (largest curvature) = 0.2.
    curvature, place = np.linspace(1, 10, 20), np.ones(20)

    def losses():
        for rate in rates:
            nonlocal place
            yield float((curvature * place**2).sum() / 2)
            place = place - rate * curvature * place

    rates = np.geomspace(1e-5, 10, 100)
    result = range_test(rates, losses())
    assert len(result.rates) < 100
    assert 0.005 < result.suggestion() < 0.2
    assert 0.005 < result.below_lowest() < 0.2
    plot_result(result, 0.1, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").stat().st_size > 1000


def swept(losses: np.ndarray) -> LRFinderResult:
    rates = np.geomspace(1e-6, 10, len(losses))
    return LRFinderResult(rates, losses, losses)


def test_steepest_descent_is_suggested_despite_noise():
    place = np.linspace(-1, 1, 100)
    noise = np.random.default_rng(0).normal(0, 0.02, 100)
    losses = 1 - 0.8 / (1 + np.exp(-12 * place)) + np.where(place > 0.7, 20 * (place - 0.7), 0)
    suggestion = swept(losses + noise).suggestion()
    assert 10**-3.4 < suggestion < 10**-1.6  # the steepest descent is at 10 ** -2.5


def test_loss_that_never_decreases_is_an_error():
    with pytest.raises(TrainingError, match="does not decrease"):
        swept(np.linspace(1, 2, 50)).suggestion()
    with pytest.raises(TrainingError, match="does not decrease"):
        swept(np.linspace(1, 2, 50)).below_lowest()
