"""The formal neuron: inputs that are on or off, a weighted sum, a threshold, all or nothing.

McCulloch and Pitts 1943: A logical calculus of the ideas immanent in nervous activity.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from classifier.models.formats import InputFormat
from classifier.models.network import BuiltNetwork
from classifier.models.option_checks import check_at_least, check_channels
from classifier.models.registry import networks
from faceswap.core.errors import ConfigError


@dataclass(frozen=True)
class Neuron:
    """One neuron whose weights somebody sets: logic, no learning.

    Attributes:
        weights: One for each input; negative ones inhibit.
        threshold: The neuron fires when the weighted sum reaches it.
    """

    weights: tuple[float, ...]
    threshold: float

    def __call__(self, inputs: ArrayLike) -> NDArray[np.int64]:
        """``(..., inputs)`` of zeros and ones -> ``(...)`` of zeros and ones."""
        total = np.asarray(inputs, dtype=np.float64) @ np.asarray(self.weights, dtype=np.float64)
        return (total >= self.threshold).astype(np.int64)

    @classmethod
    def all_of(cls, inputs: int = 2) -> "Neuron":
        """AND: fires when every input is on."""
        return cls((1.0,) * inputs, float(inputs))

    @classmethod
    def any_of(cls, inputs: int = 2) -> "Neuron":
        """OR: fires when at least one input is on."""
        return cls((1.0,) * inputs, 1.0)

    @classmethod
    def negation(cls) -> "Neuron":
        """NOT: fires when its one input is off."""
        return cls((-1.0,), 0.0)


class FormalNeuron(nn.Module):
    """A neuron that looks at an image and says yes (class 1) or no (class 0).

    Args:
        inputs: Numbers in an image.
        binary: Whether a pixel is only on (0.5 or brighter) or off, as in 1943.
    """

    def __init__(self, inputs: int, binary: bool) -> None:
        super().__init__()
        self.binary = binary
        self.head = nn.Linear(inputs, 1)  # its bias is minus the threshold
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def inputs(self, images: Tensor) -> Tensor:
        """``(B, channels, size, size)`` in [0, 1] -> ``(B, inputs)``, what the synapses get."""
        flat = images.flatten(1)
        return (flat >= 0.5).to(flat.dtype) if self.binary else flat

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, size, size)`` -> ``(B, 2)``: how far the sum is below, and above.

        The larger one is the neuron's answer; a sum that just reaches the threshold is a yes.
        """
        above = self.head(self.inputs(images))
        least = torch.finfo(above.dtype).tiny
        return torch.cat((-above, torch.where(above == 0, least, above)), dim=1)


@networks.register
def neuron(classes: int, size: int = 32, channels: int = 1, binary: bool = True) -> BuiltNetwork:
    """One formal neuron on a flattened image; 1,025 parameters for 32 x 32 grey pixels.

    McCulloch and Pitts gave it no way to learn. Weights begin at zero and are either set or found
    by the perceptron's rule, which for one unit is Rosenblatt's.

    Raises:
        ConfigError: There are not exactly two classes, or an option has a value it cannot have.
    """
    if classes != 2:
        raise ConfigError(
            f"A neuron says yes or no: it takes 2 classes, found {classes}.",
            "Use the network perceptron for more.",
        )
    check_at_least("neuron", "a size", size, 1)
    check_channels("neuron", channels)
    form = InputFormat(size, channels, (0.0,) * channels, (1.0,) * channels)
    module = FormalNeuron(size * size * channels, binary)
    return BuiltNetwork(module, form, head="head", rule="perceptron")
