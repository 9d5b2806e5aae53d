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
    """How a network learns from a batch."""

    def __call__(
        self, inputs: Tensor, labels: Tensor, epoch: int, step: int, rate: float
    ) -> Tensor:
        """Learns from this process's share of a batch.

        Args:
            inputs: As the source gives them, on the CPU.
            labels: ``(b,)`` or ``(b, S, S)`` int64, on the CPU.
            epoch: The epoch, from 0.
            step: The step in it, from 0.
            rate: Learning rate.

        Returns:
            The loss before the step, a scalar on the device.
        """
        ...


class GradientStep:
    """Follows the gradient of the loss.

    Args:
        accelerator: Owns device, processes and precision.
        part: What learns, on the device: the network, or its head.
        optimizer: Over its parameters, prepared by Accelerate; its groups have a ``scale``.
        objective: What is made small.
        mixing: How images are mixed.
        prepare: Makes inputs on the device what ``part`` takes.
        clip: Largest norm of the gradient; 0 is off.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        part: nn.Module,
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
        self._part = part
        if accelerator.num_processes > 1:
            devices = [device] if device.type == "cuda" else None
            self._part = DistributedDataParallel(part, devices, gradient_as_bucket_view=True)

    def __call__(
        self, inputs: Tensor, labels: Tensor, epoch: int, step: int, rate: float
    ) -> Tensor:
        """Takes a step of the optimizer."""
        for group in self._optimizer.param_groups:
            group["lr"] = rate * group["scale"]
        device = self._accelerator.device
        images = self._prepare(inputs.to(device, non_blocking=True))
        mixture = self._mixing(images, labels.to(device, non_blocking=True), epoch, step)
        with self._accelerator.autocast():
            logits = self._part(mixture.images)
        loss = self._objective(logits, mixture)
        self._accelerator.backward(loss)
        if self._clip:
            self._accelerator.clip_grad_norm_(self._part.parameters(), self._clip)
        self._optimizer.step()
        self._optimizer.zero_grad()
        return loss.detach()


class PerceptronStep:
    """The perceptron's own rule: only mistakes are learned from, image after image.

    Args:
        accelerator: Owns the device.
        module: The network, on the device.
        prepare: Makes inputs on the device what it takes.

    Raises:
        ConfigError: Several processes: the rule takes one image after another.
    """

    def __init__(
        self, accelerator: Accelerator, module: nn.Module, prepare: Callable[[Tensor], Tensor]
    ) -> None:
        if accelerator.num_processes > 1:
            raise ConfigError(
                "The perceptron learns from one image after another, in one process.",
                "Train it without a launcher.",
            )
        self._device, self._module, self._prepare = accelerator.device, module, prepare

    def __call__(
        self,
        inputs: Tensor,
        labels: Tensor,
        epoch: int,  # noqa: ARG002 (nothing is drawn)
        step: int,  # noqa: ARG002
        rate: float,
    ) -> Tensor:
        """Learns from the mistakes; the loss is the share of them."""
        images = self._prepare(inputs.to(self._device))
        mistakes = perceptron_update(self._module, images, labels.to(self._device), rate)
        return torch.tensor(mistakes / len(labels))
