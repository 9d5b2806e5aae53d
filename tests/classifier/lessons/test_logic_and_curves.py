"""neuron, activations, convolution, gradient-descent: results with exact reference values."""

import numpy as np
import pytest

from classifier.lessons import activations, convolution, gradient_descent, neuron
from classifier.models import ACTIVATIONS


def test_truth_tables() -> None:
    tables = {gate.name: gate.outputs.tolist() for gate in neuron.compute()}
    assert tables == {
        "AND": [0, 0, 0, 1],
        "OR": [0, 1, 1, 1],
        "NOT": [1, 0],
        "two of three": [0, 0, 0, 1, 0, 1, 1, 1],
    }
    gates = neuron.compute()
    assert gates[0].inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert "threshold 2): 00->0  01->0  10->0  11->1" in neuron.describe(gates)[0]
    assert neuron.LESSON.figure(gates).axes


def test_slopes_of_all_activations() -> None:
    curves = {curve.name: curve for curve in activations.compute(points=81)}
    assert tuple(curves) == ACTIVATIONS
    middle = 40
    assert curves["sigmoid"].slope[middle] == pytest.approx(0.25)
    assert curves["tanh"].slope[middle] == pytest.approx(1)
    assert np.all(curves["threshold"].slope == 0)
    assert set(curves["threshold"].y.tolist()) == {0, 1}
    for name in ("tanh", "elu", "gelu", "silu", "sigmoid"):
        numeric = np.gradient(curves[name].y, curves[name].x)
        assert np.abs(numeric - curves[name].slope)[1:-1].max() < 0.03, name
    # The maximum of three lines is convex, and each line is the maximum somewhere.
    slopes = np.unique(curves["maxout"].slope.round(3))
    assert slopes.tolist() == pytest.approx([-0.5, 0.25, 1.2])
    assert curves["sigmoid"].ten_layers[0] < 1e-9
    assert curves["relu"].ten_layers == (1, 0)
    assert len(activations.LESSON.figure(tuple(curves.values())).axes) == 9


def test_convolution_of_the_example() -> None:
    result = convolution.compute(side=64)
    assert result.example.tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert convolution.describe(result)[0].startswith(
        "First position: 1*1 + 1*1 + 1*1 + 0*1 + 1*1 = 4"
    )
    assert result.gradient_x.shape == (62, 62)
    assert result.weights == (9, 64 * 64 * 62 * 62)
    assert convolution.LESSON.figure(result).subfigs


def test_sobel_filters_respond_to_their_own_direction_only() -> None:
    vertical = np.zeros((6, 6))
    vertical[:, 3:] = 1
    assert convolution.convolve(vertical, convolution.SOBEL_X).tolist() == [[0, 4, 4, 0]] * 4
    assert not convolution.convolve(vertical, convolution.SOBEL_Y).any()
    assert convolution.convolve(vertical.T, convolution.SOBEL_Y).T.tolist() == [[0, 4, 4, 0]] * 4


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
    assert gradient_descent.LESSON.figure(result).axes
