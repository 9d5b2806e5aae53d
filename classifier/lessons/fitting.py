"""Teaching small networks small tasks: a seeded network, a plain loop, accuracy."""

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
    """A network of the registry whose fresh weights depend on ``seed`` alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return build_network(name, classes, options, size)


def seeded_module(build: Callable[[], nn.Module], seed: int) -> nn.Module:
    """What ``build`` makes, with fresh weights that depend on ``seed`` alone."""
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
    loss: Callable[[Tensor, Tensor], Tensor] = F.cross_entropy,
    on_step: Callable[[int, float], None] = lambda _step, _loss: None,
) -> list[float]:
    """Trains by AdamW with a rate that falls to zero along half a cosine.

    Args:
        module: What is trained; left in evaluation mode.
        inputs: ``(N, ...)``.
        targets: ``(N, ...)``.
        steps: How many batches.
        batch: Examples in each.
        lr: Highest rate.
        seed: Decides which examples come when.
        loss: Of outputs and targets.
        on_step: Called after each step with its number, from 1, and its loss.

    Returns:
        The loss of each step.
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
    """What a network in evaluation mode answers, ``(N, ...)``, computed in batches."""
    module.eval()
    return torch.cat([module(part) for part in inputs.split(batch)])


def share_right(module: nn.Module, inputs: Tensor, labels: Tensor) -> float:
    """Share of inputs whose largest output is that of their label."""
    return float((outputs(module, inputs).argmax(1) == labels).float().mean())
