"""First and last layers of networks that others wrote: find them, and fit them to the images."""

from typing import Any

import torch
from torch import nn

from classifier.models.network import BuiltNetwork
from faceswap.core.errors import ConfigError


def find_head(module: nn.Module, classes: int) -> str:
    """Dotted name of the last linear layer or convolution, which must have one output per class.

    Raises:
        ConfigError: The last such layer has another number of outputs.
    """
    name, last = None, None
    for name_, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            name, last = name_, layer
    outputs = last.out_features if isinstance(last, nn.Linear) else getattr(last, "out_channels", 0)
    if name is None or outputs != classes:
        raise ConfigError(
            f"{type(module).__name__} has no last layer with {classes} outputs.",
            "It cannot be trained for these classes; choose another network.",
        )
    return name


def replace_stem(module: nn.Module, channels: int) -> None:
    """Gives the first convolution another number of input channels, with fresh weights."""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d):
            settings: dict[str, Any] = {
                key: getattr(layer, key)
                for key in ("kernel_size", "stride", "padding", "dilation", "padding_mode")
            }
            fresh = nn.Conv2d(channels, layer.out_channels, **settings, bias=layer.bias is not None)
            parent, _, child = name.rpartition(".")
            setattr(module.get_submodule(parent), child, fresh)
            return
    raise ConfigError(f"{type(module).__name__} has no convolution.", "Leave channels at 3.")


def try_size(name: str, built: BuiltNetwork) -> None:
    """Sends one empty image through, to know now whether the network takes that size.

    Raises:
        ConfigError: It does not.
    """
    form, device = built.input, next(built.module.parameters()).device
    image = torch.zeros(1, form.channels, form.size, form.size, device=device)
    training = built.module.training
    try:
        with torch.no_grad():
            built.module.eval()(image)
    except (RuntimeError, ValueError, AssertionError) as error:
        first_line = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(
            f"{name} does not take images of {form.size} pixels ({first_line}).",
            "Leave the size out, or choose a larger one.",
        ) from error
    finally:
        built.module.train(training)
