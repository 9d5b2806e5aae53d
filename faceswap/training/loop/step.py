"""One step of training: batch, forward, loss, backward, step."""

from collections.abc import Collection, Sequence
from contextlib import nullcontext

import torch
from accelerate import Accelerator
from torch import Tensor

from faceswap.data.batches import RawBatch, prepare
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.training.loop.phase import Phase
from faceswap.training.losses.reconstruction import reconstruction_losses
from faceswap.training.optimizers.update import GradientNorms, Update


class TrainStep:
    """Optimizer step over micro-batches.

    Args:
        accelerator: Accelerator of the training.
        model: The model, on its device.
        optimizer: Optimizer of the model's parameters.
        margin: ``CropGeometry.margin`` of the crops.
        norms: Gradient norms of earlier steps.
        frozen: Parts of the model that no phase trains: they get no gradients at all.

    Attributes:
        update: Takes the optimizer's steps.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        model: FaceAutoencoder,
        optimizer: torch.optim.Optimizer,
        margin: float,
        norms: GradientNorms,
        frozen: Collection[str] = (),
    ) -> None:
        self._parts = model.parts()
        for name in frozen:
            self._parts[name].requires_grad_(requires_grad=False)
        self._accelerator = accelerator
        self._model = model
        self._margin = margin
        self._network, self._optimizer = accelerator.prepare(model, optimizer)
        self.update = Update(accelerator, self._optimizer, self._network.parameters(), norms)

    def __call__(
        self, micro_batches: Sequence[RawBatch], phase: Phase, lr: float, step: int
    ) -> Tensor:
        """Takes one optimizer step.

        Args:
            micro_batches: Micro-batches of this process, whose gradients are accumulated.
            phase: Phase of the step, for its losses, its frozen parts and its update.
            lr: Learning rate.
            step: Number of finished steps.

        Returns:
            Loss of each identity on this process, ``(I,)``.
        """
        for name, part in self._parts.items():  # statistics of frozen layers stay as they are
            part.train(name not in phase.frozen)
        losses = []
        sizes = (self._model.input_size, self._model.output_size)
        for number, raw in enumerate(micro_batches, start=1):
            last = number == len(micro_batches)
            with nullcontext() if last else self._accelerator.no_sync(self._network):
                batch = prepare(raw, self._accelerator.device, sizes, self._margin)
                swaps = batch.matched if phase.losses.swap else 0
                decoded = self._network(batch.distorted, swaps, batch.guides)
                loss = reconstruction_losses(decoded, batch, phase.losses).total  # (I,)
                self._accelerator.backward(loss.sum() / len(micro_batches))
            losses.append(loss.detach())
        for name in phase.frozen:
            # Wrapped for several processes, the model expects gradients of parts that it trains in
            # another phase; optimizers skip weights without.
            self._parts[name].zero_grad()
        self.update(phase.update, lr, (phase.batches.seed, step))
        return torch.stack(losses).mean(0)

    def zero_grad(self) -> None:
        """Discards the gradients of a diverged step."""
        self._optimizer.zero_grad()
