"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998: Gradient-based learning applied to documents)."""

from torch import Tensor, nn

from classifier.models.activations import Activation, find_activation
from classifier.models.formats import signed_format
from classifier.models.network import BuiltNetwork
from classifier.models.option_checks import check_channels
from classifier.models.registry import networks

_SIZE = 32


class LeNet5(nn.Module):
    """Two stages of convolution and subsampling, then three dense layers.

    As in most later work, C3 is connected to all maps of S2, subsampling is average pooling, and
    the output layer is linear instead of radial basis functions.

    Args:
        classes: Number of outputs.
        channels: Channels of the input images.
        activation: Activation after each convolution and hidden layer.
    """

    def __init__(self, classes: int, channels: int, activation: Activation) -> None:
        super().__init__()
        wide, act = activation.pieces, activation.build
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6 * wide, 5),  # C1: 32 -> 28
            act(),
            nn.AvgPool2d(2),  # S2: 28 -> 14
            nn.Conv2d(6, 16 * wide, 5),  # C3: 14 -> 10
            act(),
            nn.AvgPool2d(2),  # S4: 10 -> 5
            nn.Conv2d(16, 120 * wide, 5),  # C5: 5 -> 1
            act(),
            nn.Flatten(),
        )
        self.head = nn.Sequential(nn.Linear(120, 84 * wide), act(), nn.Linear(84, classes))  # F6

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, 32, 32)`` -> ``(B, classes)`` logits."""
        return self.head(self.features(images))


@networks.register
def lenet5(classes: int, channels: int = 3, activation: str = "tanh") -> BuiltNetwork:
    """LeNet-5; 61,706 parameters for 10 classes of grey images.

    Raises:
        ConfigError: ``channels`` is neither 1 nor 3, or the activation is unknown.
    """
    check_channels("lenet5", channels)
    module = LeNet5(classes, channels, find_activation(activation))
    # Inputs in [-1, 1], where tanh is steepest.
    return BuiltNetwork(module, signed_format(_SIZE, channels), head="head")
