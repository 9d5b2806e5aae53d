"""A discriminator with its optimizer, and its state in checkpoints."""

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from faceswap.core.checkpoint import Checkpoint
from faceswap.core.log import get_logger
from faceswap.core.optimizer_state import flatten_optimizer, restore_optimizer
from faceswap.core.seeding import generator

_log = get_logger(__name__)
_BETAS = (0.5, 0.999)


class TrainedDiscriminator:
    """A discriminator, its optimizer (Adam), and its gradient scaler in fp16.

    The scaler is its own: one of the model would be adjusted twice a step, and an overflow of
    either would cost the steps of both.

    Args:
        name: Name of what it judges, for checkpoints and messages.
        make: Function that makes the network, with random weights from torch's generator.
        seed: Seed of the run.
        device: Device to train on.
        fp16: Whether gradients are those of fp16.

    Attributes:
        name: Name of what it judges.
        network: The network, not wrapped by Accelerate.
    """

    def __init__(
        self,
        name: str,
        make: Callable[[], nn.Module],
        seed: int,
        device: torch.device,
        *,
        fp16: bool = False,
    ) -> None:
        self.name = name
        self._make, self._seed = make, seed
        self.network = self._new().to(device)
        self._optimizer = torch.optim.Adam(self.network.parameters(), betas=_BETAS)
        self._scaler = torch.amp.GradScaler(device.type, enabled=fp16)

    def backward(self, loss: Tensor) -> None:
        """Adds the gradients of a loss."""
        self._scaler.scale(loss).backward()

    def update(self, lr: float, clip: float) -> None:
        """Takes a step from the gradients, and discards them.

        Args:
            lr: Learning rate.
            clip: Largest gradient norm; 0 disables clipping.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self._scaler.unscale_(self._optimizer)
        if clip:
            nn.utils.clip_grad_norm_(self.network.parameters(), clip)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self.zero_grad()

    def zero_grad(self) -> None:
        """Discards the gradients."""
        self._optimizer.zero_grad()

    def is_finite(self) -> bool:
        """Whether all weights are finite."""
        return all(bool(weight.isfinite().all()) for weight in self.network.parameters())

    def contents(self) -> tuple[dict[str, Mapping[str, Tensor]], dict[str, Any]]:
        """Groups of tensors and JSON values for a checkpoint."""
        tensors, values = flatten_optimizer(self._optimizer)
        groups = {self._group: self.network.state_dict(), self._moments: tensors}
        return groups, {"optimizer": values, "scaler": self._scaler.state_dict()}

    def restore(self, found: Checkpoint, values: Mapping[str, Any]) -> None:
        """Restores a checkpoint; starts anew if it has no such discriminator, or another one.

        Args:
            found: The checkpoint.
            values: The JSON values of this discriminator; empty if there are none.

        Raises:
            CheckpointError: The state of the optimizer is of another one.
        """
        saved = found.tensors.get(self._group, {})
        if not values or _shapes(saved) != _shapes(self.network.state_dict()):
            self._start_anew()
            return
        self.network.load_state_dict(saved)
        restore_optimizer(self._optimizer, found.tensors[self._moments], values["optimizer"])
        if self._scaler.is_enabled() and values["scaler"]:
            self._scaler.load_state_dict(values["scaler"])

    def _start_anew(self) -> None:
        _log.info("The discriminator of %s starts anew.", self.name)
        self.network.load_state_dict(self._new().state_dict())
        self._optimizer.state.clear()

    def _new(self) -> nn.Module:
        """The network with the weights that it begins with, at any time of the run."""
        with torch.random.fork_rng(devices=[]):
            random = generator(self._seed, "discriminator", self.name)
            torch.manual_seed(int(random.integers(2**63)))
            return self._make()

    @property
    def _group(self) -> str:
        return f"discriminator_{self.name}"

    @property
    def _moments(self) -> str:
        return f"discriminator_{self.name}_optimizer"


def _shapes(tensors: Mapping[str, Tensor]) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}
