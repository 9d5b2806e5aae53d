"""The perceptron and its learning rule.

Rosenblatt 1957: The perceptron, a perceiving and recognizing automaton; multiclass by
Kesler's construction (Nilsson 1965: Learning machines): one unit per class; a mistake moves the
unit of the label towards the example and the unit with the largest sum away from it.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.models.formats import signed_format
from classifier.models.network import BuiltNetwork
from classifier.models.neuron import FormalNeuron
from classifier.models.option_checks import check_at_least, check_channels
from classifier.models.registry import networks
from faceswap.core.errors import ConfigError


class Perceptron(nn.Module):
    """One linear unit per class on flattened images, initialised to zero.

    Args:
        inputs: Number of inputs: channels x size x size.
        classes: Number of units.
    """

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.head = nn.Linear(inputs, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def inputs(self, images: Tensor) -> Tensor:
        """Flatten images: ``(B, channels, size, size)`` -> ``(B, inputs)``."""
        return images.flatten(1)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, size, size)`` -> ``(B, classes)`` logits."""
        return self.head(self.inputs(images))


@networks.register
def perceptron(classes: int, size: int = 32, channels: int = 3) -> BuiltNetwork:
    """A perceptron on a flattened image; 30,730 parameters for 10 classes of 32 x 32 RGB.

    Raises:
        ConfigError: Invalid option.
    """
    check_at_least("perceptron", "a size", size, 1)
    check_channels("perceptron", channels)
    module = Perceptron(size * size * channels, classes)
    return BuiltNetwork(module, signed_format(size, channels), head="head", rule="perceptron")


@torch.no_grad()
def perceptron_update(module: nn.Module, images: Tensor, labels: Tensor, rate: float) -> int:
    """Apply the perceptron rule to a batch, one image after another.

    Equivalent to the plain loop, but faster: updates change the sums of later images by inner
    products between images, which are computed once per batch.

    Args:
        module: ``Perceptron`` or ``FormalNeuron``; modified in place.
        images: ``(B, channels, size, size) float32``, normalised.
        labels: ``(B,) int64``.
        rate: Learning rate. With weights initialised to zero, it only scales them.

    Returns:
        Number of mistakes, each counted before the update of its image. Equal sums are a mistake
        (for a neuron, a sum equal to the threshold is class 1).

    Raises:
        ConfigError: The network does not use this rule.
    """
    if not isinstance(module, Perceptron | FormalNeuron):
        raise ConfigError(
            f"{type(module).__name__} does not use the perceptron rule.",
            "Use --model perceptron or --model neuron.",
        )
    x = module.inputs(images).double()
    weight, bias = module.head.weight, module.head.bias
    sums = (x @ weight.double().T + bias.double()).cpu().numpy()  # (B, units)
    # The bias is the weight of a constant input 1.
    products = (x @ x.T + 1).cpu().numpy()
    learn = _learn_classes if isinstance(module, Perceptron) else _learn_neuron
    coefficients, mistakes = learn(sums, products, labels.cpu().numpy(), rate)
    moves = torch.from_numpy(coefficients).to(x)
    weight += (moves @ x).to(weight)
    bias += moves.sum(1).to(bias)
    return mistakes


def _learn_classes(
    sums: NDArray[np.float64], products: NDArray[np.float64], labels: NDArray[np.int64], rate: float
) -> tuple[NDArray[np.float64], int]:
    """Coefficients of the images in each unit ``(units, B)``, and the number of mistakes."""
    coefficients = np.zeros(sums.shape[::-1])
    mistakes = 0
    for image, label in enumerate(labels):
        others = sums[image].copy()
        others[label] = -np.inf
        rival = others.argmax()
        if sums[image, label] > others[rival]:
            continue
        mistakes += 1
        for unit, step in ((label, rate), (rival, -rate)):
            coefficients[unit, image] += step
            sums[:, unit] += step * products[image]
    return coefficients, mistakes


def _learn_neuron(
    sums: NDArray[np.float64], products: NDArray[np.float64], labels: NDArray[np.int64], rate: float
) -> tuple[NDArray[np.float64], int]:
    """As ``_learn_classes``, for one unit that fires at sums of at least zero."""
    coefficients = np.zeros((1, len(labels)))
    mistakes = 0
    for image, label in enumerate(labels):
        step = rate * (int(label) - int(sums[image, 0] >= 0))
        if step:
            mistakes += 1
            coefficients[0, image] = step
            sums[:, 0] += step * products[image]
    return coefficients, mistakes
