import itertools

import numpy as np
import pytest
import torch

from classifier.models import Neuron, build_network, perceptron_update
from classifier.models.neuron import FormalNeuron
from classifier.models.perceptron import Perceptron
from faceswap.core.errors import ConfigError

PAIRS = np.array(list(itertools.product((0, 1), repeat=2)))


def test_logic_gates() -> None:
    assert Neuron.all_of()(PAIRS).tolist() == [0, 0, 0, 1]
    assert Neuron.any_of()(PAIRS).tolist() == [0, 1, 1, 1]
    assert Neuron.negation()([[0], [1]]).tolist() == [1, 0]
    assert Neuron((1.0, -1.0), 1.0)(PAIRS).tolist() == [0, 0, 1, 0]  # inhibition


def test_no_neuron_with_small_integer_weights_computes_xor() -> None:
    xor = [0, 1, 1, 0]
    for first, second, threshold in itertools.product(range(-4, 5), repeat=3):
        assert Neuron((first, second), threshold)(PAIRS).tolist() != xor


def test_formal_neuron_thresholds_its_weighted_sum() -> None:
    built = build_network("neuron", 2, {"size": 2})
    assert built.rule == "perceptron"
    net = built.module
    assert isinstance(net, FormalNeuron)
    with torch.no_grad():
        net.head.weight.copy_(torch.tensor([[1.0, 1.0, 0.0, 0.0]]))
        net.head.bias.fill_(-2.0)  # threshold 2: AND of the upper pixels
    images = torch.tensor([[0.9, 0.7, 0, 0], [0.9, 0.4, 1, 1], [0, 0, 1, 1]]).view(3, 1, 2, 2)
    assert net(images).argmax(1).tolist() == [1, 0, 0]


def plain_loop(net: Perceptron, x: torch.Tensor, labels: torch.Tensor, rate: float) -> int:
    mistakes = 0
    for row, label in zip(x, labels.tolist(), strict=True):
        sums = net.head(row)
        rival = int(sums.masked_fill(torch.arange(len(sums)) == label, -torch.inf).argmax())
        if sums[label] <= sums[rival]:
            mistakes += 1
            for unit, step in ((label, rate), (rival, -rate)):
                net.head.weight[unit] += step * row
                net.head.bias[unit] += step
    return mistakes


def test_batched_rule_equals_the_plain_loop() -> None:
    torch.manual_seed(0)
    batched, plain = Perceptron(12, 4).double(), Perceptron(12, 4).double()
    for _ in range(3):
        images, labels = torch.randn(40, 3, 2, 2).double(), torch.randint(4, (40,))
        with torch.no_grad():
            expected = plain_loop(plain, images.flatten(1), labels, 0.5)
        assert perceptron_update(batched, images, labels, 0.5) == expected
        torch.testing.assert_close(batched.head.weight, plain.head.weight)
        torch.testing.assert_close(batched.head.bias, plain.head.bias)


@pytest.mark.parametrize(("name", "classes"), [("perceptron", 3), ("neuron", 2)])
def test_perceptron_converges_on_separable_data(name: str, classes: int) -> None:
    torch.manual_seed(0)
    built = build_network(name, classes, {"size": 4, "channels": 1})
    labels = torch.arange(60) % classes
    images = 0.3 * torch.rand(60, 1, 4, 4)
    images[torch.arange(60), 0, labels] += 0.6  # the row of the class is bright
    counts = [perceptron_update(built.module, images, labels, 1.0) for _ in range(30)]
    assert counts[0] > 0
    assert counts[-1] == 0
    assert (built.module(images).argmax(1) == labels).all()


def test_invalid_options_are_rejected() -> None:
    with pytest.raises(ConfigError, match="2 classes"):
        build_network("neuron", 3, {})
    lenet = build_network("lenet5", 2, {}).module
    with pytest.raises(ConfigError, match="rule"):
        perceptron_update(lenet, torch.zeros(1, 3, 32, 32), torch.zeros(1, dtype=torch.int64), 1.0)
