"""The formal neuron: binary inputs, a weighted sum and a threshold.

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
    """A neuron with fixed weights: logic without learning.

    Attributes:
        weights: Weight of each input; negative weights inhibit.
        threshold: Smallest weighted sum at which the neuron fires.
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
    """A neuron that classifies images into two classes.

    Args:
        inputs: Number of inputs: channels x size x size.
        binary: Binarise pixels at 0.5, as in the paper.
    """

    def __init__(self, inputs: int, binary: bool) -> None:
        super().__init__()
        self.binary = binary
        self.head = nn.Linear(inputs, 1)  # its bias is minus the threshold
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def inputs(self, images: Tensor) -> Tensor:
        """Flatten and binarise: ``(B, channels, size, size)`` in [0, 1] -> ``(B, inputs)``."""
        flat = images.flatten(1)
        return (flat >= 0.5).to(flat.dtype) if self.binary else flat

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, size, size)`` -> ``(B, 2)``: minus and plus (sum - threshold).

        The larger output is the predicted class; a sum equal to the threshold is class 1.
        """
        above = self.head(self.inputs(images))
        least = torch.finfo(above.dtype).tiny
        return torch.cat((-above, torch.where(above == 0, least, above)), dim=1)


@networks.register
def neuron(classes: int, size: int = 32, channels: int = 1, binary: bool = True) -> BuiltNetwork:
    """One formal neuron on a flattened image; 1,025 parameters for 32 x 32 grey pixels.

    The original neuron does not learn. Weights are initialised to zero and trained by the
    perceptron rule.

    Raises:
        ConfigError: Not exactly two classes, or an invalid option.
    """
    if classes != 2:
        raise ConfigError(
            f"neuron expects 2 classes, found {classes}.",
            "Use --model perceptron for more classes.",
        )
    check_at_least("neuron", "a size", size, 1)
    check_channels("neuron", channels)
    form = InputFormat(size, channels, (0.0,) * channels, (1.0,) * channels)
    module = FormalNeuron(size * size * channels, binary)
    return BuiltNetwork(module, form, head="head", rule="perceptron")
