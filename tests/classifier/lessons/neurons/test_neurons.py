import numpy as np
import pytest
import torch

from classifier.lessons.neurons import activations, neuron
from classifier.models import ACTIVATIONS
from classifier.models.activations import find_activation
from classifier.models.mlp import MLP
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
    curves = {curve.name: curve for curve in activations.curves(points=81)}
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


def test_networks_learn_with_each_activation_but_the_threshold() -> None:
    result = activations.compute(points=81, steps=200, repeats=1)
    assert tuple(result.trained) == ACTIVATIONS
    accuracies = {name: one.accuracy.mean() for name, one in result.trained.items()}
    assert all(0 <= accuracy <= 1 for accuracy in accuracies.values())
    assert min(accuracies["maxout"], accuracies["relu"]) > 0.9
    assert accuracies["sigmoid"] < 0.75
    assert accuracies["threshold"] < accuracies["relu"]
    sizes = {name: one.parameters for name, one in result.trained.items()}
    assert sizes["relu"] == 3 * 32 + 33 * 32 + 33 * 2
    assert sizes["maxout"] == 3 * 54 + 19 * 54 + 19 * 2
    assert abs(sizes["maxout"] / sizes["relu"] - 1) < 0.01
    names = sorted(ACTIVATIONS, key=len, reverse=True)
    assert len(check_figure(activations.LESSON, result, *names).axes) == 11
    assert "1,226 with maxout, 1,218 with the others" in activations.describe(result)[-1]


def test_learnt_maxout_unit_is_the_maximum_of_the_network() -> None:
    network = MLP(2, (4,), 2, find_activation("maxout", 3))
    unit = activations.learnt_maxout(network)
    angle = np.deg2rad(unit.angle)
    path = unit.position[:, None] * np.array([np.cos(angle), np.sin(angle)], np.float32)
    with torch.no_grad():
        hidden = network.features(torch.from_numpy(path)).numpy()
    errors = np.abs(hidden - unit.lines.max(1)[:, None]).max(0)
    assert errors.min() < 1e-5
    # Lines are straight.
    assert np.abs(np.diff(unit.lines, n=2, axis=0)).max() < 1e-5
