import numpy as np
import pytest

from classifier.lessons.neurons import activations, neuron
from classifier.models import ACTIVATIONS
from tests.classifier.lessons.drawing import check_figure


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
    assert check_figure(neuron.LESSON, gates).axes


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
    assert (
        len(
            check_figure(
                activations.LESSON,
                tuple(curves.values()),
                *sorted(ACTIVATIONS, key=len, reverse=True),
            ).axes
        )
        == 9
    )
