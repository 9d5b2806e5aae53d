import numpy as np
import pytest

from classifier.lessons.learning import gradient_descent
from tests.classifier.lessons.drawing import check_figure


def test_all_optimizers_converge_except_with_too_high_a_rate() -> None:
    result = gradient_descent.compute()
    for runs in (result.bowl, result.valley):
        for name, run in runs.items():
            assert run.path[0].tolist() == list(gradient_descent.START)
            if name == "rate too high":
                assert run.converged is None
                assert run.losses[-1] > 1e6
            else:
                assert run.converged is not None
                assert np.abs(run.path[-1]).max() < 0.01, name
    converged = {name: run.converged or 0 for name, run in result.valley.items()}
    assert converged["momentum"] < converged["SGD"]
    # Each step of SGD multiplies x by (1 - rate).
    assert result.bowl["SGD"].path[5, 0] == pytest.approx(-4 * 0.7**5)
    assert check_figure(gradient_descent.LESSON, result, "SGD", "Adam").axes
