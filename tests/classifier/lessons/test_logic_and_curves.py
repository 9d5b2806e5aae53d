"""neuron, activations, convolution, gradient-descent: nothing is learnt, everything is known."""

import numpy as np
import pytest

from classifier.lessons import activations, convolution, gradient_descent, neuron
from classifier.models import ACTIVATIONS


def test_truth_tables() -> None:
    tables = {gate.name: gate.answers.tolist() for gate in neuron.compute()}
    assert tables == {
        "AND": [0, 0, 0, 1],
        "OR": [0, 1, 1, 1],
        "NOT": [1, 0],
        "two of three": [0, 0, 0, 1, 0, 1, 1, 1],
    }
    gates = neuron.compute()
    assert gates[0].inputs.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert "threshold 2): 00->0  01->0  10->0  11->1" in neuron.describe(gates)[0]
    assert neuron.LESSON.picture(gates).axes


def test_all_activations_with_their_slopes() -> None:
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
    # The largest of three lines is convex, and each line is the largest somewhere.
    slopes = np.unique(curves["maxout"].slope.round(3))
    assert slopes.tolist() == pytest.approx([-0.5, 0.25, 1.2])
    assert curves["sigmoid"].through[0] < 1e-9
    assert curves["relu"].through == (1, 0)
    assert len(activations.LESSON.picture(tuple(curves.values())).axes) == 9


def test_the_window_gives_four_at_its_first_position() -> None:
    result = convolution.compute(side=64)
    assert result.example.tolist() == [[4, 3, 4], [2, 4, 3], [2, 3, 4]]
    assert convolution.describe(result)[0].startswith(
        "First position: 1*1 + 1*1 + 1*1 + 0*1 + 1*1 = 4"
    )
    assert result.across.shape == (62, 62)
    assert result.weights == (9, 64 * 64 * 62 * 62)
    assert convolution.LESSON.picture(result).subfigs


def test_sobel_answers_to_its_own_edge_and_to_no_other() -> None:
    upright = np.zeros((6, 6))
    upright[:, 3:] = 1
    assert convolution.slide(upright, convolution.SOBEL_X).tolist() == [[0, 4, 4, 0]] * 4
    assert not convolution.slide(upright, convolution.SOBEL_Y).any()
    assert convolution.slide(upright.T, convolution.SOBEL_Y).T.tolist() == [[0, 4, 4, 0]] * 4


def test_all_but_too_high_a_rate_reach_the_minimum() -> None:
    result = gradient_descent.compute()
    for walks in (result.bowl, result.valley):
        for name, walk in walks.items():
            assert walk.path[0].tolist() == list(gradient_descent.START)
            if name == "too high":
                assert walk.arrived is None
                assert walk.heights[-1] > 1e6
            else:
                assert walk.arrived is not None
                assert np.abs(walk.path[-1]).max() < 0.01, name
    arrived = {name: walk.arrived or 0 for name, walk in result.valley.items()}
    assert arrived["momentum"] < arrived["plain"]
    # Plain steps shrink x by (1 - rate) each time.
    assert result.bowl["plain"].path[5, 0] == pytest.approx(-4 * 0.7**5)
    assert gradient_descent.LESSON.picture(result).axes
