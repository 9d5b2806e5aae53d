"""Find and adapt the first and last layers of torchvision and timm networks."""

from typing import Any

import torch
from torch import nn

from classifier.models.network import BuiltNetwork
from faceswap.core.errors import ConfigError


def find_head(module: nn.Module, classes: int) -> str:
    """Find the head: the last linear layer or convolution, with one output per class.

    Returns:
        Dotted name of the layer.

    Raises:
        ConfigError: The layer has another number of outputs.
    """
    name, last = None, None
    for name_, layer in module.named_modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            name, last = name_, layer
    outputs = last.out_features if isinstance(last, nn.Linear) else getattr(last, "out_channels", 0)
    if name is None or outputs != classes:
        raise ConfigError(
            f"{type(module).__name__} has no last layer with {classes} outputs.",
            "Choose another network.",
        )
    return name


def replace_stem(module: nn.Module, channels: int) -> None:
    """Replace the first convolution by a newly initialised one with other input channels."""
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
    raise ConfigError(f"{type(module).__name__} has no convolution.", "Use channels=3.")


def try_size(name: str, built: BuiltNetwork) -> None:
    """Check that a network accepts its input size, by a forward pass.

    Raises:
        ConfigError: Unsupported input size.
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
            f"{name} does not support images of {form.size} pixels ({first_line}).",
            "Remove network.size, or increase it.",
        ) from error
    finally:
        built.module.train(training)
