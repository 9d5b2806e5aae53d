"""One step of training: batch, forward, loss, backward, step."""

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor

from faceswap.data.batches import FaceBatches, RawBatch, prepare
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.losses import LossWeights, reconstruction_losses


class TrainStep:
    """Takes optimizer steps.

    Args:
        accelerator: Owns device, processes and precision.
        model: On the device.
        optimizer: Over the model's parameters.
        batches: Where the raw batches come from: their crops' margin.
        weights: Of the parts of the loss.
        clip: Largest norm of the gradient; 0 = any.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: FaceAutoencoder,
        optimizer: torch.optim.Optimizer,
        batches: FaceBatches,
        weights: LossWeights,
        clip: float = 0.0,
    ) -> None:
        self._accelerator, self._weights, self._clip = accelerator, weights, clip
        self._sizes = (model.input_size, model.output_size)
        self._margin = next(iter(batches.caches.values())).geometry.margin
        self._network, self._optimizer = accelerator.prepare(model, optimizer)

    def __call__(self, parts: Sequence[RawBatch], rate: float) -> Tensor:
        """Takes one step.

        Args:
            parts: The batch, in parts whose gradients are accumulated.
            rate: Learning rate.

        Returns:
            This process's loss of each identity, ``(I,)``.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        losses = []
        for number, raw in enumerate(parts, start=1):
            last = number == len(parts)
            with nullcontext() if last else self._accelerator.no_sync(self._network):
                batch = prepare(raw, self._accelerator.device, self._sizes, self._margin)
                drawn = self._network(batch.distorted, batch.matched if self._weights.swap else 0)
                loss = reconstruction_losses(drawn, batch, self._weights)  # (I,)
                self._accelerator.backward(loss.sum() / len(parts))
            losses.append(loss.detach())
        if self._clip:
            self._accelerator.clip_grad_norm_(self._network.parameters(), self._clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return torch.stack(losses).mean(0)

    def forget(self) -> None:
        """Drops gradients of a step that broke."""
        self._optimizer.zero_grad()
