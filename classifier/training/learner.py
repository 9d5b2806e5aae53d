"""Optimizer of a network, and the layers it trains."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from accelerate import Accelerator

from classifier.models import BuiltNetwork
from classifier.training.mixing import Mixing
from classifier.training.objective import Objective
from classifier.training.sources import Source
from classifier.training.step import GradientStep, PerceptronStep, Step
from classifier.training.transfer import Transfer


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimizer and its constants.

    Attributes:
        name: AdamW (Loshchilov & Hutter, 2019), SGD, or RMSprop.
        lr: Highest learning rate.
        momentum: Momentum of SGD and RMSprop, 0 to 1.
        weight_decay: Weight decay; biases and norms have none.
        clip: Largest gradient norm; 0 disables clipping.
    """

    name: Literal["adamw", "sgd", "rmsprop"]
    lr: float
    momentum: float
    weight_decay: float
    clip: float

    def build(self, groups: Sequence[dict[str, Any]]) -> torch.optim.Optimizer:
        """Builds the optimizer.

        Args:
            groups: Parameter groups with ``weight_decay`` and ``scale``.
        """
        devices = {parameter.device.type for group in groups for parameter in group["params"]}
        fused = devices <= {"cpu", "cuda"}
        chosen = [dict(group) for group in groups]
        if self.name == "adamw":
            return torch.optim.AdamW(chosen, lr=self.lr, fused=fused)
        if self.name == "sgd":
            return torch.optim.SGD(chosen, lr=self.lr, momentum=self.momentum, fused=fused)
        return torch.optim.RMSprop(chosen, lr=self.lr, momentum=self.momentum)


@dataclass(frozen=True)
class Learner:
    """How a network is trained.

    Attributes:
        transfer: Trained layers and their learning rates, by epoch.
        optimizer: Optimizer of the parameters, not wrapped; None for a rule without one.
        make_step: Builds the training step for the layers that are trainable now.
    """

    transfer: Transfer
    optimizer: torch.optim.Optimizer | None
    make_step: Callable[[], Step]


def make_learner(
    accelerator: Accelerator,
    built: BuiltNetwork,
    source: Source,
    transfer: Transfer,
    spec: OptimizerSpec,
    objective: Objective,
    mixing: Mixing,
) -> Learner:
    """Builds the optimizer and the training step of a network.

    Args:
        accelerator: Accelerator of the training.
        built: The network, on its device.
        source: Training and validation batches.
        transfer: Trained layers and their learning rates, by epoch.
        spec: The optimizer.
        objective: The loss.
        mixing: Mixup and CutMix.
    """
    if built.rule == "perceptron":
        return Learner(
            transfer, None, lambda: PerceptronStep(accelerator, built.module, source.prepare)
        )
    optimizer = spec.build(transfer.parameter_groups(spec.weight_decay))
    prepared = accelerator.prepare_optimizer(optimizer)

    def make_step() -> Step:
        return GradientStep(
            accelerator,
            source.trained_module(built.module),
            prepared,
            objective,
            mixing,
            source.prepare,
            spec.clip,
        )

    return Learner(transfer, optimizer, make_step)
