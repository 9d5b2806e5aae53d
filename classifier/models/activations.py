"""Activations by name.

threshold: McCulloch and Pitts 1943. sigmoid, tanh: Rumelhart, Hinton, Williams 1986. relu: Nair and
Hinton 2010. leaky_relu: Maas, Hannun, Ng 2013. maxout: Goodfellow et al. 2013. elu: Clevert,
Unterthiner, Hochreiter 2016. gelu: Hendrycks and Gimpel 2016. silu: Elfwing, Uchibe, Doya 2017 (as
Swish: Ramachandran et al. 2017).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError


class Threshold(nn.Module):
    """The Heaviside step: 1 where the input is at least 0, else 0.

    Its gradient is zero everywhere, so layers before it cannot learn by back-propagation.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Any shape -> the same shape of zeros and ones, without a gradient."""
        return (values >= 0).to(values.dtype)


class Maxout(nn.Module):
    """The maximum of ``pieces`` linear functions (Goodfellow et al. 2013: Maxout networks).

    The preceding layer computes the linear functions and is ``pieces`` times as wide.

    Args:
        pieces: Linear functions per unit.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, values: Tensor) -> Tensor:
        """``(B, F * pieces, ...)`` -> ``(B, F, ...)``."""
        return values.unflatten(1, (-1, self.pieces)).amax(2)

    def extra_repr(self) -> str:
        """Options shown in the repr of the module."""
        return f"pieces={self.pieces}"


@dataclass(frozen=True)
class Activation:
    """Factory of an activation, and the width it requires of the preceding layer.

    Attributes:
        build: Factory of the module.
        pieces: Width factor of the preceding layer; 1 except for maxout.
    """

    build: Callable[[], nn.Module]
    pieces: int = 1


_PLAIN: dict[str, Callable[[], nn.Module]] = {
    "threshold": Threshold,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "elu": nn.ELU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}

ACTIVATIONS: tuple[str, ...] = (*_PLAIN, "maxout")
"""Names of all activations."""


def find_activation(name: str, pieces: int = 2) -> Activation:
    """Look up an activation.

    Args:
        name: Key of ``ACTIVATIONS``.
        pieces: Linear functions per unit; maxout only.

    Raises:
        ConfigError: Unknown activation, or fewer than two pieces.
    """
    if name == "maxout":
        if pieces < 2:
            raise ConfigError(
                f"maxout expects at least 2 pieces, found {pieces}.", "Increase pieces."
            )
        return Activation(partial(Maxout, pieces), pieces)
    if name not in _PLAIN:
        raise ConfigError(
            f"Unknown activation {name!r}.",
            f"{nearest(name, ACTIVATIONS)}Known: {', '.join(ACTIVATIONS)}.",
        )
    return Activation(_PLAIN[name])


def activation(name: str, pieces: int = 2) -> nn.Module:
    """Build the module of an activation; see ``find_activation``."""
    return find_activation(name, pieces).build()


def slope(module: nn.Module, values: Tensor) -> Tensor:
    """Derivative of an elementwise activation at each value; zero for ``threshold``.

    Args:
        module: Activation, except maxout.
        values: Any shape.
    """
    points = values.detach().clone().requires_grad_()
    result = module(points)
    if not result.requires_grad:
        return torch.zeros_like(values)
    return torch.autograd.grad(result.sum(), points)[0]
