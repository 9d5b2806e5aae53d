"""What the layers of a network look like: filters, weights, and maps of one image."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from classifier.evaluation.pictures import fit, stretch, tile
from faceswap.core.config_errors import nearest
from faceswap.core.errors import ConfigError

_MOST = 64  # filters or maps of a picture
_COLUMNS = 8
_SIDE = 64


def first_filters(module: nn.Module) -> NDArray[np.uint8] | None:
    """The filters of the first convolution as one picture; None where there is none.

    Filters that see three channels are shown in colour, others by their mean over the channels;
    grey (128) is 0.
    """
    layer = next((part for part in module.modules() if isinstance(part, nn.Conv2d)), None)
    if layer is None:
        return None
    weights = layer.weight.detach().float().cpu().numpy()[:_MOST]  # (F, C, h, w)
    if weights.shape[1] != 3:
        weights = np.repeat(weights.mean(1, keepdims=True), 3, axis=1)
    shown = [stretch(one, symmetric=True).transpose(1, 2, 0) for one in weights]
    return tile([fit(image, _SIDE) for image in shown], _COLUMNS)


def first_weights(module: nn.Module, shape: tuple[int, int, int]) -> NDArray[np.uint8] | None:
    """The weights of the first dense layer, each row as the image it looks for.

    Args:
        module: A network that takes flattened images.
        shape: ``(C, H, W)`` of its images.

    Returns:
        One picture, or None where no parameter has a weight for each value of an image.
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
    """A layer by its dotted name.

    Raises:
        ConfigError: There is none of that name.
    """
    layers = dict(module.named_modules())
    if not name or name not in layers:
        known = [layer for layer in layers if layer]
        raise ConfigError(
            f"The network has no layer {name!r}.",
            f"{nearest(name, known)}Layers of this one: {', '.join(known[:30])}"
            f"{', ...' if len(known) > 30 else ''}.",
        )
    return layers[name]


def name_of(module: nn.Module, layer: nn.Module) -> str:
    """The dotted name of a layer inside a network."""
    return next(name for name, part in module.named_modules() if part is layer)


def feature_maps(
    forward: Callable[[Tensor], Tensor], layers: Sequence[nn.Module], images: Tensor
) -> list[Tensor]:
    """What comes out of layers.

    Args:
        forward: The network.
        layers: Modules inside it.
        images: ``(B, C, H, W)``, normalised.

    Returns:
        ``(B, F, h, w)`` for each layer.

    Raises:
        ConfigError: A layer gives no maps.
    """
    found: dict[int, Tensor] = {}

    def keeper(number: int) -> Callable[[nn.Module, object, Tensor], None]:
        def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
            # A copy: the next layer may work in place.
            found[number] = output.detach().clone() if isinstance(output, Tensor) else output

        return keep

    handles = [layer.register_forward_hook(keeper(number)) for number, layer in enumerate(layers)]
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
                f"A {type(layer).__name__} of this network gives no maps.",
                "Choose a convolution or what follows one.",
            )
    return [output for output in maps if output is not None]


def maps_picture(maps: Tensor, most: int = 32) -> NDArray[np.uint8]:
    """The maps of one image that vary most, each from its least (black) to its most (white).

    Args:
        maps: ``(F, h, w)``.
        most: How many are shown.
    """
    values = maps.float().cpu().numpy()
    order = np.argsort(-values.std((1, 2)), kind="stable")[:most]
    shown = [np.repeat(stretch(values[number])[..., None], 3, axis=2) for number in order]
    return tile([fit(image, 2 * _SIDE) for image in shown], _COLUMNS, background=40)
