"""Gradient checkpointing: activations are computed again instead of being kept."""

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint

from faceswap.models.autoencoder import FaceAutoencoder


def recompute_activations(model: FaceAutoencoder) -> None:
    """Lets each part of a model keep only its inputs until the backward pass (Chen et al., 2016).

    The activations inside the part, and its dropout, are then computed again: losses and gradients
    stay the same, and a step computes each part's forward pass twice.

    Args:
        model: The model, changed in place.
    """
    for part in model.parts().values():
        part.forward = _recomputed(part.forward)


def _recomputed(forward: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(forward)
    def run(*inputs: Any) -> Any:
        if not torch.is_grad_enabled():
            return forward(*inputs)
        return checkpoint(forward, *inputs, use_reentrant=False)

    return run
