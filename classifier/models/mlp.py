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
    """Dense layers, one after another.

    Args:
        inputs: Numbers in an image: its sides times its channels.
        hidden: Widths of the hidden layers; none makes a single layer of linear units.
        classes: Number of outputs.
        activation: What follows each hidden layer.
        dropout: Fraction of a hidden layer's units that is silenced in training.
        input_dropout: The same for the numbers of the image.
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
    """Any depth and width; 256 x 256 x 3 are 196,608 inputs, 50 million weights in its first layer.

    Args:
        classes: Number of outputs.
        size: Side of the images.
        channels: 1 or 3.
        hidden: Widths of the hidden layers, separated by commas; empty for none.
        activation: By name. Behind ``threshold`` nothing learns but the head.
        dropout: Fraction of hidden units silenced in training.

    Raises:
        ConfigError: An option has a value it cannot have.
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
    """Two layers of 240 maxout units of 5 pieces with dropout, as for MNIST in the paper.

    The paper's bound on the norm of each unit's weights is left to weight decay.

    Args:
        classes: Number of outputs.
        size: Side of the images.
        channels: 1 or 3.
        hidden: Widths of the hidden layers, separated by commas.
        pieces: Linear functions that compete in each unit.
        dropout: Fraction of hidden units silenced in training.
        input_dropout: Fraction of the image's numbers silenced in training.

    Raises:
        ConfigError: An option has a value it cannot have.
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
        widths = [int(part) for part in hidden.split(",")] if hidden.strip() else []
    except ValueError:
        widths = [0]
    if any(width < 1 for width in widths):
        raise ConfigError(
            f"{name} takes hidden as widths separated by commas, found {hidden!r}.",
            'For example: hidden="256,128".',
        )
    return widths
