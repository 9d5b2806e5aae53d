"""Filters, first-layer weights and feature maps of a network, rendered as images."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.evaluation.pictures import fit, stretch, tile
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

_MOST = 64  # filters shown
_COLUMNS = 8
_SIDE = 64


def render_filters(module: nn.Module) -> NDArray[np.uint8] | None:
    """Render the filters of the first convolution; None for a network without convolutions.

    Filters of three channels are shown in colour, others as the mean over their channels. Grey
    (128) is 0.
    """
    layer = next((inner for inner in module.modules() if isinstance(inner, nn.Conv2d)), None)
    if layer is None:
        return None
    weights = layer.weight.detach().float().cpu().numpy()[:_MOST]  # (F, C, h, w)
    if weights.shape[1] != 3:
        weights = np.repeat(weights.mean(1, keepdims=True), 3, axis=1)
    shown = [stretch(one, symmetric=True).transpose(1, 2, 0) for one in weights]
    return tile([fit(image, _SIDE) for image in shown], _COLUMNS)


def render_weights(module: nn.Module, shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """Render the weights of the first dense layer, one image for each of its units.

    Args:
        module: Network that takes flattened images.
        shape: ``(C, H, W)`` of its images.

    Returns:
        ``(H, W, 3) uint8`` picture; None if no layer has one weight per input value.
    """
    size = int(np.prod(shape))
    for value in module.parameters():
        if value.ndim <= 2 and value.shape[-1] == size:
            rows = value.detach().float().cpu().numpy().reshape(-1, *shape)[:_MOST]
            break
    else:
        return None
    if shape[0] != 3:
        rows = np.repeat(rows.mean(1, keepdims=True), 3, axis=1)
    shown = [stretch(row, symmetric=True).transpose(1, 2, 0) for row in rows]
    return tile([fit(np.ascontiguousarray(image), 2 * _SIDE) for image in shown], _COLUMNS)


def layer_named(module: nn.Module, name: str) -> nn.Module:
    """Look up a layer by its dotted name.

    Raises:
        ConfigError: Unknown name.
    """
    layers = dict(module.named_modules())
    if not name or name not in layers:
        names = [layer for layer in layers if layer]
        raise ConfigError(
            f"The network has no layer {name!r}.",
            f"{nearest(name, names)}Its layers: {', '.join(names[:30])}"
            f"{', ...' if len(names) > 30 else ''}.",
        )
    return layers[name]


def name_of(module: nn.Module, layer: nn.Module) -> str:
    """Dotted name of a layer inside a network."""
    return next(name for name, inner in module.named_modules() if inner is layer)


def feature_maps(
    forward: Callable[[Tensor], Tensor], layers: Sequence[nn.Module], images: Tensor
) -> list[Tensor]:
    """Record the outputs of layers in a forward pass.

    Args:
        forward: Forward function of the network.
        layers: Modules inside the network.
        images: ``(B, C, H, W)`` normalised images.

    Returns:
        ``(B, F, h, w)`` feature maps of each layer.

    Raises:
        ConfigError: The output of a layer is not a batch of feature maps.
    """
    found: dict[int, Tensor] = {}

    def make_hook(number: int) -> Callable[[nn.Module, object, Tensor], None]:
        def hook(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            # Cloned, since the next layer may work in place.
            found[number] = output.detach().clone() if isinstance(output, Tensor) else output

        return hook

    handles = [
        layer.register_forward_hook(make_hook(number)) for number, layer in enumerate(layers)
    ]
    try:
        with torch.inference_mode():
            forward(images)
    finally:
        for handle in handles:
            handle.remove()
    maps = [found.get(number) for number in range(len(layers))]
    for layer, output in zip(layers, maps, strict=True):
        if not isinstance(output, Tensor) or output.ndim != 4:
            raise ConfigError(
                f"Expected a layer with feature maps (B, F, h, w), found {type(layer).__name__}.",
                "Choose a convolution, or an activation or pooling layer after one.",
            )
    return [output for output in maps if output is not None]


def render_maps(maps: Tensor, most: int = 32) -> NDArray[np.uint8]:
    """Render the feature maps of largest variance, each scaled from its minimum to its maximum.

    Args:
        maps: ``(F, h, w)`` feature maps of one image.
        most: Largest number of maps shown.

    Returns:
        ``(H, W, 3) uint8`` picture; black is the minimum, white the maximum.
    """
    values = maps.float().cpu().numpy()
    order = np.argsort(-values.std((1, 2)), kind="stable")[:most]
    shown = [np.repeat(stretch(values[number])[..., None], 3, axis=2) for number in order]
    return tile([fit(image, 2 * _SIDE) for image in shown], _COLUMNS, background=40)
