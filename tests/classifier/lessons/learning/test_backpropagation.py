import pytest
import torch

from classifier.lessons.language import number
from classifier.lessons.learning import backpropagation
from classifier.lessons.learning.backpropagation import INPUTS, WEIGHTS
from tests.classifier.lessons.drawing import check_figure


def test_chain_rule_equals_autograd_and_finite_differences() -> None:
    chain = backpropagation.by_hand()
    assert set(chain.autograd) == set(chain.differences) == set(WEIGHTS)
    for name in WEIGHTS:
        assert chain.gradients[name] == pytest.approx(chain.autograd[name], abs=1e-6), name
        assert chain.gradients[name] == pytest.approx(chain.differences[name], abs=1e-6), name
        assert chain.gradients[name] != 0, name
    assert chain.gradients["b1"] == chain.gradients["z1"]
    assert chain.loss_after < chain.values["L"]


def test_forward_values_by_hand() -> None:
    values = backpropagation.forward({**INPUTS, **WEIGHTS})
    assert values["z1"] == pytest.approx(0.6 * 1 - 0.2 * 2 + 0.1)
    assert values["z2"] == pytest.approx(-0.4 * 1 + 0.5 * 2 - 0.1)
    hidden = torch.sigmoid(torch.tensor([values["z1"], values["z2"]], dtype=torch.float64))
    assert [values["h1"], values["h2"]] == pytest.approx(hidden.tolist())
    assert values["y"] == pytest.approx(1.5 * values["h1"] - values["h2"] + 0.2)
    assert values["L"] == pytest.approx((values["y"] - 1) ** 2 / 2)


def test_gradients_vanish_in_sigmoids_but_not_in_relus() -> None:
    result = backpropagation.compute(seed=1, steps=100, repeats=1)
    shrunk = {
        name: networks.sizes[0, 0] / networks.sizes[0, -1] for name, networks in result.deep.items()
    }
    assert shrunk["sigmoid"] < 1e-5
    assert min(shrunk["tanh"], shrunk["relu"]) > 0.01
    assert result.deep["sigmoid"].sizes.shape == (1, 11)
    assert result.deep["sigmoid"].losses[0, -20:].mean() > 0.65
    assert result.deep["relu"].losses[0, -20:].mean() < 0.2
    assert "below 1e-6" in backpropagation.describe(result)[2]


def test_gradient_sizes_are_means_of_absolute_values() -> None:
    network = torch.nn.Linear(1, 2)
    torch.nn.init.zeros_(network.weight)
    torch.nn.init.zeros_(network.bias)
    # At equal probabilities the gradient of the logits is -1/2 and 1/2, times the input.
    sizes = backpropagation.gradient_sizes(network, torch.tensor([[3.0]]), torch.tensor([0]))
    assert sizes == pytest.approx([1.5])


def test_backpropagation_figure() -> None:
    result = backpropagation.compute(layers=2, width=4, steps=10, repeats=2)
    figure = check_figure(backpropagation.LESSON, result, "sigmoid", "tanh", "relu")
    texts = [text.get_text() for text in figure.subfigs[0].axes[0].texts]
    for name, gradient in result.chain.gradients.items():
        if name not in ("b1", "b2", "c"):
            assert number(gradient, 3) in texts, name
