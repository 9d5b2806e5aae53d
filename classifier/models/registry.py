"""Networks by name, and what a network says about its input."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.registry import Registry


@dataclass(frozen=True)
class InputFormat:
    """The images that a network takes: ``(B, channels, size, size) float32``.

    Attributes:
        size: Side in pixels.
        channels: 1 (grey) or 3 (RGB).
        mean: Subtracted from values in [0, 1], for each channel.
        std: What the difference is divided by.
    """

    size: int
    channels: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class BuiltNetwork:
    """A network with random weights, and the images it takes.

    Attributes:
        module: ``(B, channels, size, size) float32`` -> ``(B, classes) float32`` logits.
        input: What it takes.
    """

    module: nn.Module
    input: InputFormat


networks: Registry[Callable[..., BuiltNetwork]] = Registry("network")
"""Functions ``(classes: int, **options) -> BuiltNetwork``."""


def build_network(name: str, classes: int, options: Mapping[str, Any]) -> BuiltNetwork:
    """Builds a network by name; its weights are drawn from torch's global generator.

    Raises:
        ConfigError: There is no such network, or it has no such option.
    """
    build = networks.get(name)
    known = list(inspect.signature(build).parameters)[1:]
    for option in options:
        if option not in known:
            raise ConfigError(
                f"The network {name!r} has no option {option!r}.",
                f"{nearest(option, known)}It has: {', '.join(known) or 'none'}.",
            )
    return build(classes, **options)
