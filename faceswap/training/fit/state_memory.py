"""What of the memory of a training does not depend on its batch."""

from collections.abc import Iterable

import torch
from torch import nn

from faceswap.core.batch_size_finder import (
    StateMemory,
    bytes_of,
    optimizer_bytes,
    part_bytes,
)
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.inference import decode, resize
from faceswap.training.loop.shard_model import units
from faceswap.training.losses.structure import ssim_map

_MEASURED = 16  # faces of an evaluation at once


def module_bytes(module: nn.Module, parts: int = 1) -> int:
    """Size of the weights and buffers of a module.

    Args:
        module: The module.
        parts: Number of processes that the weights, not the buffers, are divided over.
    """
    divided = sum(part_bytes(weight, parts) for weight in module.parameters())
    return divided + bytes_of(list(module.buffers()))


def gathered_bytes(model: FaceAutoencoder) -> int:
    """What a step of a divided model holds of whole tensors, in bytes.

    Those of the largest unit: weights, gradients, and the copy of these that is sent.
    """
    known: set[int] = set()
    largest = 0
    for unit in units(model):  # inner before outer ones
        own = [weight for weight in unit.parameters() if id(weight) not in known]
        known |= {id(weight) for weight in own}
        largest = max(largest, bytes_of(own))
    return 3 * largest


def state_memory(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    ema: nn.Module | None,
    discriminators: Iterable[nn.Module],
    networks: int = 0,
    parts: int = 1,
) -> StateMemory:
    """Memory of a training after its first step, in bytes.

    Args:
        model: The model.
        optimizer: Optimizer of the model.
        ema: Moving average of the model, or None.
        discriminators: Networks trained by Adam beside the model.
        networks: Size of the networks of loss terms.
        parts: Number of processes that all of the model is divided over.
    """
    judges = sum(4 * bytes_of(list(each.parameters())) for each in discriminators)
    return StateMemory(
        module_bytes(model, parts),
        sum(part_bytes(weight, parts) for weight in model.parameters() if weight.requires_grad),
        optimizer_bytes(optimizer, parts),
        0 if ema is None else module_bytes(ema, parts),
        judges + networks,
    )


def evaluate_blank(model: FaceAutoencoder, *, bf16: bool) -> None:
    """Decodes and compares as many blank faces as an evaluation does at once, for its memory.

    Args:
        model: The model, not guided.
        bf16: Whether to compute in bf16.
    """
    size = max(model.input_size, model.full_size)
    faces = torch.zeros(_MEASURED, 3, size, size, device=next(model.parameters()).device)
    model.eval()
    decoded = decode(model, faces, model.identities[0], bf16)
    ssim_map(decoded, resize(faces, model.output_size))
    model.train()
