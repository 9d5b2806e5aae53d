"""A network about to learn: its rates, its optimizer and the step it takes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from accelerate import Accelerator

from classifier.models import BuiltNetwork
from classifier.models.anatomy import layer_groups
from classifier.training.mixing import Mixing
from classifier.training.objective import Objective
from classifier.training.settings import OptimizerSettings, Settings
from classifier.training.sources import Source
from classifier.training.step import GradientStep, PerceptronStep, Step
from classifier.training.transfer import Transfer


@dataclass(frozen=True)
class Learner:
    """What ``make_learner`` puts together.

    Attributes:
        transfer: Which layers learn when, and how fast.
        optimizer: Over the parameters, not wrapped; None for one that learns without.
        make_step: Makes the step for the layers that are free now.
    """

    transfer: Transfer
    optimizer: torch.optim.Optimizer | None
    make_step: Callable[[], Step]


def make_learner(
    settings: Settings,
    built: BuiltNetwork,
    source: Source,
    objective: Objective,
    accelerator: Accelerator,
) -> Learner:
    """Prepares a network that is on its device.

    Args:
        settings: Of the training.
        built: The network.
        source: Where the steps come from.
        objective: What is made small.
        accelerator: Owns device, processes and precision.
    """
    chosen = settings.transfer
    groups = layer_groups(built)
    transfer = Transfer(chosen.mode, groups, chosen.first_rate, chosen.unfreeze_every)
    if built.rule == "perceptron":
        return Learner(
            transfer, None, lambda: PerceptronStep(accelerator, built.module, source.prepare)
        )
    parameters = transfer.parameter_groups(settings.optimizer.weight_decay)
    optimizer = make_optimizer(settings.optimizer, parameters)
    # Features are no images: mixing them is another method.
    mixes = chosen.mode != "features"
    mixing = Mixing(settings.seed, settings.augment.mixup * mixes, settings.augment.cutmix * mixes)
    prepared = accelerator.prepare_optimizer(optimizer)

    def make_step() -> Step:
        return GradientStep(
            accelerator,
            source.learner(built.module),
            prepared,
            objective,
            mixing,
            source.prepare,
            settings.optimizer.clip,
        )

    return Learner(transfer, optimizer, make_step)


def make_optimizer(
    settings: OptimizerSettings, groups: Sequence[dict[str, Any]]
) -> torch.optim.Optimizer:
    """AdamW (Loshchilov & Hutter, 2019), SGD with momentum, or RMSprop.

    Args:
        settings: Which, and its numbers.
        groups: Parameters with ``weight_decay`` and ``scale``.
    """
    devices = {parameter.device.type for group in groups for parameter in group["params"]}
    fused = devices <= {"cpu", "cuda"}
    chosen = [dict(group) for group in groups]
    if settings.name == "adamw":
        return torch.optim.AdamW(chosen, lr=settings.lr, fused=fused)
    if settings.name == "sgd":
        return torch.optim.SGD(chosen, lr=settings.lr, momentum=settings.momentum, fused=fused)
    return torch.optim.RMSprop(chosen, lr=settings.lr, momentum=settings.momentum)
