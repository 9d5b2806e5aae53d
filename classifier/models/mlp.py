"""Multilayer perceptrons on flattened images.

Rumelhart, Hinton, Williams 1986: Learning representations by back-propagating errors; dropout:
Srivastava et al. 2014; maxout: Goodfellow, Warde-Farley, Mirza, Courville, Bengio 2013.
"""

from collections.abc import Sequence

from torch import Tensor, nn

from classifier.models.activations import Activation, find_activation
from classifier.models.formats import signed_format
from classifier.models.network import BuiltNetwork
from classifier.models.option_checks import check_at_least, check_channels, check_dropout
from classifier.models.registry import networks
from faceswap.core.errors import ConfigError


class MLP(nn.Module):
    """A stack of dense layers.

    Args:
        inputs: Number of inputs: channels x size x size.
        hidden: Widths of the hidden layers; empty for a linear classifier.
        classes: Number of outputs.
        activation: Activation after each hidden layer.
        dropout: Dropout probability of the hidden layers.
        input_dropout: Dropout probability of the inputs.
    """

    def __init__(
        self,
        inputs: int,
        hidden: Sequence[int],
        classes: int,
        activation: Activation,
        dropout: float = 0.0,
        input_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Flatten()]
        layers += [nn.Dropout(input_dropout)] if input_dropout else []
        for width in hidden:
            layers += [nn.Linear(inputs, width * activation.pieces), activation.build()]
            layers += [nn.Dropout(dropout)] if dropout else []
            inputs = width
        self.features = nn.Sequential(*layers)
        self.head = nn.Linear(inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """``(B, channels, size, size)`` -> ``(B, classes)`` logits."""
        return self.head(self.features(images))


@networks.register
def mlp(
    classes: int,
    size: int = 256,
    channels: int = 3,
    hidden: str = "256,128",
    activation: str = "relu",
    dropout: float = 0.0,
) -> BuiltNetwork:
    """Multilayer perceptron of any depth and width; 50 million parameters by default.

    Args:
        classes: Number of outputs.
        size: Side of the images in pixels.
        channels: Channels of the images, 1 or 3.
        hidden: Comma-separated widths of the hidden layers; empty for none.
        activation: Name of the activation. With ``threshold`` only the head learns.
        dropout: Dropout probability of the hidden layers.

    Raises:
        ConfigError: Invalid option.
    """
    _check("mlp", size, channels, dropout)
    inputs, kind = size * size * channels, find_activation(activation)
    module = MLP(inputs, _widths("mlp", hidden), classes, kind, dropout)
    return BuiltNetwork(module, signed_format(size, channels), head="head")


@networks.register
def maxout_mlp(
    classes: int,
    size: int = 64,
    channels: int = 3,
    hidden: str = "240,240",
    pieces: int = 5,
    dropout: float = 0.5,
    input_dropout: float = 0.2,
) -> BuiltNetwork:
    """Maxout network: by default two layers of 240 units of 5 pieces, as for MNIST in the paper.

    The max-norm constraint of the paper is replaced by weight decay.

    Args:
        classes: Number of outputs.
        size: Side of the images in pixels.
        channels: Channels of the images, 1 or 3.
        hidden: Comma-separated widths of the hidden layers.
        pieces: Linear functions per unit.
        dropout: Dropout probability of the hidden layers.
        input_dropout: Dropout probability of the inputs.

    Raises:
        ConfigError: Invalid option.
    """
    _check("maxout_mlp", size, channels, dropout)
    check_dropout("maxout_mlp", input_dropout)
    inputs, kind = size * size * channels, find_activation("maxout", pieces)
    widths = _widths("maxout_mlp", hidden)
    module = MLP(inputs, widths, classes, kind, dropout, input_dropout)
    return BuiltNetwork(module, signed_format(size, channels), head="head")


def _check(name: str, size: int, channels: int, dropout: float) -> None:
    check_at_least(name, "a size", size, 1)
    check_channels(name, channels)
    check_dropout(name, dropout)


def _widths(name: str, hidden: str) -> list[int]:
    try:
        widths = [int(width) for width in hidden.split(",")] if hidden.strip() else []
    except ValueError:
        widths = [0]
    if any(width < 1 for width in widths):
        raise ConfigError(
            f"{name} expects comma-separated widths in hidden, found {hidden!r}.",
            'Example: hidden="256,128".',
        )
    return widths
