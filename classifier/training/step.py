"""One step of training: batch, forward, loss, backward, step."""

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from classifier.models import perceptron_update
from classifier.training.mixing import Mixing
from classifier.training.objective import Objective
from faceswap.core.errors import ConfigError


class Step(Protocol):
    """A training step."""

    def __call__(self, inputs: Tensor, labels: Tensor, epoch: int, step: int, lr: float) -> Tensor:
        """Trains on this process's slice of a batch.

        Args:
            inputs: Inputs from the source, on the CPU.
            labels: ``(b,)`` or ``(b, S, S) int64``, on the CPU.
            epoch: Epoch, from 0.
            step: Step within the epoch, from 0.
            lr: Learning rate.

        Returns:
            Loss before the step, a scalar on the device.
        """
        ...


class GradientStep:
    """Step of gradient descent.

    Args:
        accelerator: Accelerator of the training.
        module: Trained module on its device: the network, or its head.
        optimizer: Optimizer prepared by Accelerate; its groups have a ``scale``.
        objective: The loss.
        mixing: Mixup and CutMix.
        prepare: Converts inputs, on the device, to what the module takes.
        clip: Largest gradient norm; 0 disables clipping.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        module: nn.Module,
        optimizer: torch.optim.Optimizer,
        objective: Objective,
        mixing: Mixing,
        prepare: Callable[[Tensor], Tensor],
        clip: float,
    ) -> None:
        self._accelerator, self._optimizer, self._clip = accelerator, optimizer, clip
        self._mixing, self._prepare = mixing, prepare
        device = accelerator.device
        weights = objective.weights
        self._objective = replace(
            objective, weights=None if weights is None else weights.to(device)
        )
        self._module = module
        if accelerator.num_processes > 1:
            devices = [device] if device.type == "cuda" else None
            self._module = DistributedDataParallel(module, devices, gradient_as_bucket_view=True)

    def __call__(self, inputs: Tensor, labels: Tensor, epoch: int, step: int, lr: float) -> Tensor:
        """Takes an optimizer step."""
        for group in self._optimizer.param_groups:
            group["lr"] = lr * group["scale"]
        device = self._accelerator.device
        images = self._prepare(inputs.to(device, non_blocking=True))
        mixture = self._mixing(images, labels.to(device, non_blocking=True), epoch, step)
        with self._accelerator.autocast():
            logits = self._module(mixture.images)
        loss = self._objective(logits, mixture)
        self._accelerator.backward(loss)
        if self._clip:
            self._accelerator.clip_grad_norm_(self._module.parameters(), self._clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.detach()


class PerceptronStep:
    """Step of the perceptron rule: only mistakes change the weights, one image after another.

    Args:
        accelerator: Accelerator of the training.
        module: The network, on its device.
        prepare: Converts inputs, on the device, to what the network takes.

    Raises:
        ConfigError: There are several processes.
    """

    def __init__(
        self, accelerator: Accelerator, module: nn.Module, prepare: Callable[[Tensor], Tensor]
    ) -> None:
        if accelerator.num_processes > 1:
            raise ConfigError(
                "The perceptron rule is sequential and runs in one process, found "
                f"{accelerator.num_processes}.",
                "Train it without a launcher.",
            )
        self._device, self._module, self._prepare = accelerator.device, module, prepare

    def __call__(
        self,
        inputs: Tensor,
        labels: Tensor,
        epoch: int,  # noqa: ARG002 (nothing is random)
        step: int,  # noqa: ARG002
        lr: float,
    ) -> Tensor:
        """Learns from the mistakes; the loss is their fraction."""
        images = self._prepare(inputs.to(self._device))
        mistakes = perceptron_update(self._module, images, labels.to(self._device), lr)
        return torch.tensor(mistakes / len(labels))
