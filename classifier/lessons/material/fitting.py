"""Training of small networks: seeded initial weights, a minimal training loop, accuracy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from classifier.models import BuiltNetwork, build_network
from faceswap.core.seeding import generator

FloatArray = NDArray[np.float32]
IntArray = NDArray[np.int64]


def seeded_network(
    name: str, classes: int, options: Mapping[str, Any], seed: int, size: int | None = None
) -> BuiltNetwork:
    """Build a registered network whose initial weights depend on ``seed`` only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(name, classes, options, size)


def seeded_module(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """Call ``build`` so that the module's initial weights depend on ``seed`` only."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build()


def fit(
    module: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    *,
    steps: int,
    batch: int,
    lr: float,
    seed: int,
    loss: Callable[[Any, Tensor], Tensor] = F.cross_entropy,
    on_step: Callable[[int, float], None] = lambda _step, _loss: None,
) -> list[float]:
    """Train with AdamW and a cosine learning-rate schedule that ends at 0.

    Args:
        module: Network to train; left in evaluation mode.
        inputs: Training inputs, ``(N, ...)``.
        targets: Training targets, ``(N, ...)``.
        steps: Number of steps, one batch each.
        batch: Batch size.
        lr: Initial learning rate.
        seed: Seed of the batch sampling.
        loss: Loss function of outputs and targets.
        on_step: Called after each step with the step number (from 1) and the loss.

    Returns:
        Loss of each step.
    """
    trained = [parameter for parameter in module.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=lr, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    random = generator(seed, "batches")
    history: list[float] = []
    module.train()
    for step in range(1, steps + 1):
        chosen = torch.from_numpy(random.integers(len(inputs), size=min(batch, len(inputs))))
        value = loss(module(inputs[chosen]), targets[chosen])
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        schedule.step()
        history.append(value.item())
        on_step(step, history[-1])
    module.eval()
    return history


@torch.no_grad()
def outputs(module: nn.Module, inputs: Tensor, batch: int = 256) -> Tensor:
    """Compute ``(N, ...)`` outputs of a network in evaluation mode, in batches."""
    module.eval()
    return torch.cat([module(chunk) for chunk in inputs.split(batch)])


def count_parameters(module: nn.Module) -> int:
    """Number of parameters of a network."""
    return sum(parameter.numel() for parameter in module.parameters())


def top1_accuracy(module: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Fraction of inputs whose largest logit is that of their label."""
    return float((outputs(module, inputs).argmax(1) == labels).float().mean())


def rms_error(found: Tensor, wanted: Tensor) -> float:
    """Root of the mean squared difference of all values."""
    return float((found - wanted).square().mean().sqrt())
