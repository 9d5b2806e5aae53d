"""A check that batch normalisation gets more than one value per channel."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from classifier.models import BuiltNetwork
from faceswap.core.errors import ConfigError


def require_batch_norm_values(
    built: BuiltNetwork, trained: nn.Module, batch_size: int, world_size: int
) -> None:
    """Refuse a training in which a batch norm layer would normalise a single value.

    A layer normalises over the images of one process and their pixels. One image suffices while the
    layer's input has several pixels, as in most layers of most networks.

    Args:
        built: Network, on its device.
        trained: The network, or its trained part.
        batch_size: Images of a step, over all processes; incomplete batches are dropped.
        world_size: Number of processes.

    Raises:
        ConfigError: One image per process, and a layer with one pixel.
    """
    if batch_size > world_size or not _single_values(built, trained):
        return
    least = 2 * world_size
    found = f"{world_size} processes with one image each" if world_size > 1 else "one image"
    raise ConfigError(
        f"Batch norm in this network needs at least two images per process, found {found} in a "
        "batch.",
        f"Use --set data.batch_size={least} or more (with at least as many training images), "
        "larger images with --set network.size, or a network without batch norm.",
    )


@torch.no_grad()
def _single_values(built: BuiltNetwork, trained: nn.Module) -> list[str]:
    """Names of the trained batch norm layers whose input for one image has a single pixel."""
    found: list[str] = []

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def hook(_: nn.Module, inputs: tuple[Tensor, ...]) -> None:
            if inputs[0].numel() == inputs[0].shape[1]:
                found.append(name)

        return hook

    form = built.input
    layers = [(n, layer) for n, layer in trained.named_modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return found
    device = next(built.module.parameters()).device
    was_training = built.module.training
    handles = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers]
    try:
        # In evaluation mode nothing is sampled and no statistics change.
        built.module.eval()
        built.module(torch.zeros(1, form.channels, form.size, form.size, device=device))
    finally:
        built.module.train(was_training)
        for handle in handles:
            handle.remove()
    return found
