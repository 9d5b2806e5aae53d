"""Whole copies of models whose weights are divided over the processes."""

import copy

import torch
from torch import nn

from faceswap.core.shards import gather
from faceswap.models.autoencoder import FaceAutoencoder


class Replica:
    """A whole copy of a model, for evaluation, previews and export; has weights only when needed.

    Args:
        model: The model, before it is divided.
        device: Device of the copy.
        keep: Whether this process has the copy: the first one.

    Attributes:
        whole: The copy; its weights are on the meta device unless they were gathered.
    """

    def __init__(self, model: FaceAutoencoder, device: torch.device, *, keep: bool) -> None:
        self._model, self._device = model, device
        self.whole = copy.deepcopy(model).requires_grad_(False) if keep else None  # noqa: FBT003 (torch)
        self.release()

    def gather(self) -> None:
        """Gives the copy the current weights; called by all processes."""
        tensors = gather(self._model.state_dict(), keep=self.whole is not None)
        if self.whole is None:
            return
        # Assigned, not copied; buffers, which are not divided, remain the model's own.
        buffers = {name for name, _ in self._model.named_buffers()}
        own = {name: t.clone() if name in buffers else t for name, t in tensors.items()}
        self.whole.load_state_dict(own, assign=True)
        self.whole.to(self._device)

    def release(self) -> None:
        """Frees the weights of the copy."""
        for layer in [] if self.whole is None else self.whole.modules():
            for name, weight in layer.named_parameters(recurse=False):
                empty = torch.empty_like(weight, device="meta")
                setattr(layer, name, nn.Parameter(empty, requires_grad=False))
