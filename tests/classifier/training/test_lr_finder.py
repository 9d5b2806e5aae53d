import numpy as np
import pytest

from classifier.training.lr_finder import LRFinderResult
from faceswap.core.errors import TrainingError


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
