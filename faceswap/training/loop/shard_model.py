"""Divides the weights of a model over the processes of a training, with PyTorch's FSDP2."""

import warnings
from collections.abc import Iterator

import torch
from accelerate import Accelerator
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.nn.modules.conv import _ConvNd

from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.convolution import Conv2d
from faceswap.models.encoders.published import PublishedEncoder

_LARGE = 1 << 20  # weights
# Autocast computes these in low precision from weights that it casts.
_CAST = (nn.Linear, Conv2d, _ConvNd)


def shard_models(opened: Accelerator, *models: FaceAutoencoder) -> None:
    """Leaves each process a part of each weight; a step gathers the weights of a layer when needed.

    Gradients, and the state of an optimizer that is made afterwards, are divided as the weights
    are. Buffers are not. A step is that of a replicated model up to rounding: layers compute in the
    precision of the training, and gradients are averaged in float32.

    Args:
        opened: Accelerator of the training.
        models: Models with the same weights in all processes, changed in place and moved to the
            device.
    """
    place = opened.device.type
    mesh = init_device_mesh(place, (opened.num_processes,))
    dtype = torch.bfloat16 if opened.mixed_precision == "bf16" else None
    # No layer writes into the result of another unit; see ``units``.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view tensor")
    for model in models:
        for unit in units(model):
            fully_shard(unit, mesh=mesh, mp_policy=_policy(unit, dtype))
        fully_shard(model, mesh=mesh)


def units(model: FaceAutoencoder, large: int = _LARGE) -> Iterator[nn.Module]:
    """Layers whose weights are gathered together, inner before outer ones.

    Those are the parts of the model, and in them the blocks with many weights. A block is never a
    convolution alone, since activations overwrite its result, nor a layer of a published network,
    which may use the weights of its layers without calling them.

    Args:
        model: The model.
        large: Number of weights from which a block is a unit of its own.
    """
    for part in model.parts().values():
        blocks = list(_blocks(part, large))
        yield from blocks
        if part not in blocks and any(True for _ in part.parameters()):
            yield part


def _blocks(module: nn.Module, large: int) -> Iterator[nn.Module]:
    if isinstance(module, Conv2d | PublishedEncoder):
        return
    inner = [block for child in module.children() for block in _blocks(child, large)]
    yield from inner
    held = {id(weight) for block in inner for weight in block.parameters()}
    count = sum(weight.numel() for weight in module.parameters() if id(weight) not in held)
    if count >= large and not isinstance(module, nn.ModuleList):
        yield module


def _policy(unit: nn.Module, dtype: torch.dtype | None) -> MixedPrecisionPolicy:
    layers = (each for each in unit.modules() if any(True for _ in each.parameters(recurse=False)))
    if dtype is None or not all(isinstance(layer, _CAST) for layer in layers):
        dtype = None  # normalisation computes in float32
    return MixedPrecisionPolicy(dtype, torch.float32, cast_forward_inputs=False)
