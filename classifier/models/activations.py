"""Activations by name: what stands between two layers of a network.

threshold: McCulloch and Pitts 1943, the all-or-none step. sigmoid and tanh: the smooth steps of
back-propagation (Rumelhart, Hinton, Williams 1986). relu: Nair and Hinton 2010. leaky_relu: Maas,
Hannun, Ng 2013. maxout: Goodfellow et al. 2013. elu: Clevert, Unterthiner, Hochreiter 2016. gelu:
Hendrycks and Gimpel 2016. silu: Elfwing, Uchibe, Doya 2017 (as Swish: Ramachandran et al. 2017).
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

    It is flat everywhere, so no gradient comes through it: layers before it cannot learn by
    back-propagation. That is what the smooth activations were brought in for.
    """

    def forward(self, values: Tensor) -> Tensor:
        """Any shape -> the same shape of zeros and ones, cut off from the graph."""
        return (values >= 0).to(values.dtype)


class Maxout(nn.Module):
    """The largest of ``pieces`` linear functions (Goodfellow et al. 2013: Maxout networks).

    The layer before it computes them all, so it must be ``pieces`` times as wide. A unit learns its
    own activation: any convex function, piece by piece.

    Args:
        pieces: How many linear functions compete in a unit.
    """

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.pieces = pieces

    def forward(self, values: Tensor) -> Tensor:
        """``(B, F * pieces, ...)`` -> ``(B, F, ...)``."""
        return values.unflatten(1, (-1, self.pieces)).amax(2)

    def extra_repr(self) -> str:
        """Shown when the network is printed."""
        return f"pieces={self.pieces}"


@dataclass(frozen=True)
class Activation:
    """How an activation is made, and what it asks of the layer before it.

    Attributes:
        build: Makes the module.
        pieces: How many times wider the layer before it must be; 1 for all but maxout.
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
"""All names."""


def find_activation(name: str, pieces: int = 2) -> Activation:
    """An activation by name.

    Args:
        name: One of ``ACTIVATIONS``.
        pieces: Linear functions in each unit of maxout; the others have none.

    Raises:
        ConfigError: There is no such activation, or maxout has fewer than two pieces.
    """
    if name == "maxout":
        if pieces < 2:
            raise ConfigError(f"maxout takes at least 2 pieces, found {pieces}.", "Raise pieces.")
        return Activation(partial(Maxout, pieces), pieces)
    if name not in _PLAIN:
        raise ConfigError(
            f"There is no activation {name!r}.",
            f"{nearest(name, ACTIVATIONS)}Known: {', '.join(ACTIVATIONS)}.",
        )
    return Activation(_PLAIN[name])


def activation(name: str, pieces: int = 2) -> nn.Module:
    """The module alone; see ``find_activation``."""
    return find_activation(name, pieces).build()


def slope(module: nn.Module, values: Tensor) -> Tensor:
    """Derivative of an activation that keeps the shape, at each value; zero for the step.

    Args:
        module: Made by ``activation``; not maxout.
        values: Any shape.
    """
    points = values.detach().clone().requires_grad_()
    result = module(points)
    if not result.requires_grad:
        return torch.zeros_like(values)
    return torch.autograd.grad(result.sum(), points)[0]
