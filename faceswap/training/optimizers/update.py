"""From gradients to new weights: clipping, the optimizer's step, learning-rate dropout."""

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.optimizer import AcceleratedOptimizer
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from faceswap.core.seeding import generator
from faceswap.core.shards import cut_like, shard_of, whole

_HISTORY = 1000  # steps


@dataclass(frozen=True)
class UpdateRule:
    """Limits of an update.

    Attributes:
        clip: Largest gradient norm; 0 disables clipping.
        auto_clip: Percentile of the latest gradient norms that is the largest norm; 0 disables it.
        lr_dropout: Fraction of the weights that a step leaves as they are, chosen at random.
    """

    clip: float = 0.0
    auto_clip: float = 0.0
    lr_dropout: float = 0.0


class GradientNorms:
    """Gradient norms of the latest steps, for auto clip (Seetharaman et al., 2020).

    The percentile is that of the latest 1000 steps, not of all, so that it follows a change of the
    losses in the course of a training.
    """

    def __init__(self) -> None:
        self._norms: deque[float] = deque(maxlen=_HISTORY)

    def limit(self, norm: float, percentile: float) -> float:
        """Adds the norm of a step, and returns the largest norm it may have.

        Args:
            norm: Gradient norm; one that is not finite is not added.
            percentile: Percentile of the norms, 0 to 100.
        """
        if np.isfinite(norm):
            self._norms.append(norm)
        return float(np.percentile(self._norms, percentile)) if self._norms else float("inf")

    def state_dict(self) -> dict[str, Any]:
        """The norms, as JSON values."""
        return {"norms": list(self._norms)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores what ``state_dict`` gave; nothing for the state of a training without."""
        self._norms = deque(map(float, state.get("norms", [])), maxlen=_HISTORY)


class Update:
    """Takes the steps of an optimizer.

    Args:
        accelerator: Accelerator of the training.
        optimizer: Optimizer, wrapped by Accelerate.
        parameters: Parameters of the optimizer.
        norms: Gradient norms of earlier steps.

    Attributes:
        figures: Figures of the last step for the log, by name.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        optimizer: AcceleratedOptimizer,
        parameters: Iterable[nn.Parameter],
        norms: GradientNorms,
    ) -> None:
        self._accelerator, self._optimizer, self._norms = accelerator, optimizer, norms
        self._parameters = list(parameters)
        self.figures: dict[str, float] = {}

    def __call__(self, rule: UpdateRule, lr: float, stream: Sequence[int | str]) -> None:
        """Takes a step from the gradients, and discards them.

        Args:
            rule: Limits of the update.
            lr: Learning rate.
            stream: Seed of the run, and what the random numbers of the step depend on besides; the
                same in all processes.
        """
        for group in self._optimizer.param_groups:
            group["lr"] = lr
        self.figures = {}
        if rule.clip or rule.auto_clip:
            self._clip(rule)
        dropout = bool(rule.lr_dropout)
        kept = [shard_of(each).detach().clone() for each in self._parameters] if dropout else []
        self._optimizer.step()
        if kept:
            undo_some(self._parameters, kept, rule.lr_dropout, stream)
        self._optimizer.zero_grad()
        estimate = self._optimizer.param_groups[0].get("d")  # Prodigy's
        if estimate is not None:
            self.figures["training/learning rate of prodigy"] = lr * estimate

    def _clip(self, rule: UpdateRule) -> None:
        self._accelerator.unscale_gradients(self._optimizer)
        norm = whole(get_total_norm([p.grad for p in self._parameters if p.grad is not None]))
        limit = rule.clip or float("inf")
        self.figures["training/gradient norm"] = norm.item()
        if rule.auto_clip:
            limit = min(limit, self._norms.limit(norm.item(), rule.auto_clip))
            self.figures["training/largest gradient norm"] = limit
        clip_grads_with_norm_(self._parameters, limit, norm)


@torch.no_grad()
def undo_some(
    parameters: Sequence[Tensor],
    before: Sequence[Tensor],
    fraction: float,
    stream: Sequence[int | str],
) -> None:
    """Gives a random fraction of the weights their earlier values back.

    Learning-rate dropout (Lin et al., 2022): each weight has a learning rate of 0 in some steps.
    The moments of the optimizer are updated in any case.

    Args:
        parameters: Parameters after a step; changed in place.
        before: Copies of the parameters from before the step; of those that are divided over
            several processes, of the part of this one.
        fraction: Probability that a weight keeps its earlier value.
        stream: Seed of the run, and what the choice depends on besides.
    """
    seed, *rest = stream
    number = int(generator(int(seed), "learning-rate dropout", *rest).integers(2**63))
    chosen = torch.Generator(parameters[0].device).manual_seed(number)
    for parameter, earlier in zip(parameters, before, strict=True):
        # Of the whole parameter, also where it is divided: the choice is then the same.
        undone = torch.empty_strided(
            parameter.shape, parameter.stride(), dtype=torch.bool, device=parameter.device
        ).bernoulli_(fraction, generator=chosen)
        current = shard_of(parameter)
        current.copy_(torch.where(shard_of(cut_like(undone, parameter)), earlier, current))
