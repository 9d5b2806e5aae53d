"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998: Gradient-based learning applied to documents)."""

from torch import Tensor, nn

from classifier.models.registry import BuiltNetwork, InputFormat, networks
from faceswap.core.errors import ConfigError

_SIZE = 32
_ACTIVATIONS: dict[str, type[nn.Module]] = {"tanh": nn.Tanh, "relu": nn.ReLU}


class LeNet5(nn.Module):
    """Two rounds of convolution and subsampling, then three dense layers.

    As in most later work, C3 sees all maps of S2, subsampling is a plain mean, and the output layer
    gives logits instead of distances to drawn digits.

    Args:
        classes: Number of outputs.
        channels: Of the input images.
        activation: Layer that follows each convolution and dense layer.
    """

    def __init__(self, classes: int, channels: int, activation: type[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, 5),  # C1: 32 -> 28
            activation(),
            nn.AvgPool2d(2),  # S2: 28 -> 14
            nn.Conv2d(6, 16, 5),  # C3: 14 -> 10
            activation(),
            nn.AvgPool2d(2),  # S4: 10 -> 5
            nn.Conv2d(16, 120, 5),  # C5: 5 -> 1
            activation(),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(120, 84), activation(), nn.Linear(84, classes))  # F6

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, 32, 32)`` -> ``(B, classes)`` logits."""
        return self.head(self.features(images))


@networks.register
def lenet5(classes: int, channels: int = 3, activation: str = "tanh") -> BuiltNetwork:
    """LeNet-5; 61,706 parameters for 10 classes of grey images.

    Raises:
        ConfigError: ``channels`` is neither 1 nor 3, or the activation is unknown.
    """
    if channels not in (1, 3):
        raise ConfigError(f"lenet5 takes 1 or 3 channels, found {channels}.")
    if activation not in _ACTIVATIONS:
        raise ConfigError(
            f"lenet5 has no activation {activation!r}.", f"It has: {', '.join(_ACTIVATIONS)}."
        )
    # Images become -1 to 1, where tanh is steepest.
    middle = (0.5,) * channels
    return BuiltNetwork(
        LeNet5(classes, channels, _ACTIVATIONS[activation]),
        InputFormat(_SIZE, channels, middle, middle),
        head="head",
    )
