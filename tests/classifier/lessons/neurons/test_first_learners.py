import numpy as np
import pytest

from classifier.lessons.neurons import mlp, perceptron, xor
from tests.classifier.lessons.drawing import check_figure


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_perceptron_converges_within_novikoffs_bound(seed: int) -> None:
    result = perceptron.compute(seed=seed)
    assert result.mistakes[-1] == 0
    assert 0 < result.mistakes.sum() <= result.bound
    side = result.points @ result.lines[-1, :2] + result.lines[-1, 2] >= 0
    assert np.array_equal(side, result.labels == 1)
    assert len(result.lines) == len(result.mistakes)


def test_perceptron_figure_and_description() -> None:
    result = perceptron.compute(count=40)
    assert len(check_figure(perceptron.LESSON, result).axes) == 2
    assert "0 mistakes; final line" in perceptron.describe(result)[-1]


@pytest.mark.parametrize("seed", [0, 1])
def test_xor_needs_a_hidden_layer(seed: int) -> None:
    result = xor.compute(seed=seed, passes=30, steps=300)
    assert result.best <= 0.75
    assert result.mistakes.min() > 0
    assert result.accuracy == 1
    assert result.hidden.shape == (4, 2)
    assert len(check_figure(xor.LESSON, result).axes) == 3


def test_hidden_layers_separate_spirals_that_a_line_cannot() -> None:
    result = mlp.compute(steps=700, shapes=((), (32, 32)))
    line, deep = result.networks
    assert line.accuracy < 0.65
    assert deep.accuracy > 0.97
    assert (line.parameters, deep.parameters) == (6, 3 * 32 + 33 * 32 + 33 * 2)
    assert check_figure(mlp.LESSON, result).subfigs


def test_mlp_on_photos_has_fifty_million_parameters() -> None:
    result = mlp.compute(steps=1, shapes=())
    largest = result.costs[-1]
    assert largest.inputs == 196_608
    assert largest.parameters == 196_608 * 256 + 256 + 256 * 128 + 128 + 128 * 10 + 10
    assert "196,608 inputs, 50,366,090 parameters" in mlp.describe(result)[-1]
