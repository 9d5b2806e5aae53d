"""Networks by name, and what a network says about itself."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from torch import nn

from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError
from faceswap.core.registry import Registry

Task = Literal["images", "pixels"]
"""What gets a class: a whole image, or each of its pixels."""


@dataclass(frozen=True)
class InputFormat:
    """The images that a network takes: ``(B, channels, size, size) float32``.

    Attributes:
        size: Side in pixels. A network for pixels takes other sides and oblongs too.
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
    """A network, and what a training has to know of it.

    Attributes:
        module: ``(B, channels, size, size) float32`` -> logits, ``(B, classes)`` for images and
            ``(B, classes, size, size)`` for pixels.
        input: What it takes.
        head: Dotted name, in ``module``, of the last layers, which a new set of classes replaces:
            what enters them is the embedding (features) of an image.
        task: Whether images or pixels get a class.
        rule: How it learns: by gradients, or by the perceptron's own rule of 1957.
    """

    module: nn.Module
    input: InputFormat
    head: str
    task: Task = "images"
    rule: Literal["gradient", "perceptron"] = "gradient"


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
