"""Optimizers by name: torch's, those of pytorch-optimizer, and Muon."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from faceswap.core.errors import ConfigError
from faceswap.training.optimizers.muon import Muon, split_hidden

# Preconditioners of a larger dimension cost more than they bring: a step would take seconds.
_LARGEST_PRECONDITIONER = 512
_LOWEST_FACTOR = 1e-3


@dataclass(frozen=True)
class Hyperparameters:
    """Hyperparameters of an optimizer.

    Attributes:
        lr: Learning rate; a factor on the rate that Prodigy estimates.
        betas: Decay of the first and of the second moment; Lion's of its update and its momentum.
        weight_decay: Decoupled weight decay; Adam has none.
        eps: Term that is added to the denominator; None for the optimizer's own. Lion has none.
    """

    lr: float
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    eps: float | None = None

    def plain(self) -> dict[str, Any]:
        """Arguments that most optimizers take; without ``eps`` they use their own."""
        values: dict[str, Any] = {"lr": self.lr, "betas": self.betas}
        values["weight_decay"] = self.weight_decay
        return values if self.eps is None else values | {"eps": self.eps}


def check_rate(name: str, lr: float) -> None:
    """Checks that a learning rate suits an optimizer.

    Raises:
        ConfigError: It does not.
    """
    if name == "prodigy" and lr < _LOWEST_FACTOR:
        raise ConfigError(
            "Prodigy estimates the learning rate, and optimizer.lr is a factor on its estimate: "
            f"expected about 1, found {lr:g}.",
            "Use --set optimizer.lr=1.",
        )


def make_optimizer(name: str, model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    """An optimizer of a model's parameters.

    Those of torch are fused where the device supports it. AdaBelief (Zhuang et al., 2020), Lion
    (Chen et al., 2023), Prodigy (Mishchenko & Defazio, 2023) and SOAP (Vyas et al., 2024) are those
    of the library pytorch-optimizer.

    Args:
        name: A name of ``OPTIMIZERS``.
        model: The model, on its device.
        values: Hyperparameters.

    Raises:
        ConfigError: The optimizer has no such hyperparameter, or the rate does not suit it.
    """
    check_rate(name, values.lr)
    return OPTIMIZERS[name](model, values)


def _adam(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    plain: dict[str, Any] = values.plain() | {"weight_decay": 0.0}
    return torch.optim.Adam(model.parameters(), **plain, fused=_can_fuse(model))


def _adamw(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), **values.plain(), fused=_can_fuse(model))


def _can_fuse(model: nn.Module) -> bool:
    return next(model.parameters()).device.type in ("cpu", "cuda", "mps")


def _adabelief(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    # Imported when used: it adds a second to the start of the command.
    from pytorch_optimizer import AdaBelief

    return AdaBelief(model.parameters(), **values.plain())


def _lion(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    from pytorch_optimizer import Lion

    if values.eps is not None:
        raise ConfigError(
            f"Lion divides by nothing: expected no optimizer.eps, found {values.eps:g}.",
            "Use --set optimizer.eps=null.",
        )
    return Lion(model.parameters(), **values.plain())


def _prodigy(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    from pytorch_optimizer import Prodigy

    # Without the safeguard, a warm-up or a decay would let the estimate grow.
    return Prodigy(model.parameters(), **values.plain(), safeguard_warmup=True)


def _soap(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    from pytorch_optimizer import SOAP

    largest = _LARGEST_PRECONDITIONER
    return SOAP(model.parameters(), **values.plain(), max_precondition_dim=largest)


def _muon(model: nn.Module, values: Hyperparameters) -> torch.optim.Optimizer:
    return Muon(*split_hidden(model), **values.plain())


OPTIMIZERS: Mapping[str, Callable[[nn.Module, Hyperparameters], torch.optim.Optimizer]] = {
    "adam": _adam,
    "adamw": _adamw,
    "adabelief": _adabelief,
    "lion": _lion,
    "prodigy": _prodigy,
    "soap": _soap,
    "muon": _muon,
}
"""Functions that make an optimizer, by its name in the settings."""
