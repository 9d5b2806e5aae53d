"""LR finder: raises the learning rate step by step until the loss diverges.

Smith, 2017: Cyclical learning rates for training neural networks.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from classifier.training.session import Session
from classifier.training.sources import Pair, Source
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.files import atomic_path

_DECAY = 0.9  # of the moving average of losses
_DIVERGED = 4.0  # times the lowest average loss
_LEAST = 10  # steps before the loss can count as diverged


@dataclass(frozen=True)
class LRFinderResult:
    """Loss by learning rate.

    Attributes:
        rates: ``(N,)`` learning rate of each step.
        losses: ``(N,)`` loss of each step.
        smoothed: ``(N,)`` moving average of the losses.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]

    def suggestion(self) -> float:
        """Learning rate at the steepest descent of the loss over the logarithm of the rate.

        The slope is that of a line fitted to the losses around each rate up to the lowest average
        loss, so that single steps have little influence.

        Raises:
            TrainingError: The loss does not decrease at any rate.
        """
        around = max(2, len(self.losses) // 16)
        lowest = int(self.smoothed.argmin())
        logarithms = np.log(self.rates)
        slopes = {
            middle: float(np.polyfit(logarithms[part], self.losses[part], 1)[0])
            for middle in range(around, lowest - around + 1)
            if (part := slice(middle - around, middle + around + 1))
        }
        steepest = min(slopes, key=lambda middle: slopes[middle], default=0)
        if not slopes or slopes[steepest] >= 0:
            raise TrainingError(
                "The loss does not decrease at any of the learning rates tried.",
                "Check the data and labels, or start at a lower rate with --low.",
            )
        return float(self.rates[steepest])


def find_lr(
    session: Session,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    on_step: Callable[[int], object] = lambda _: None,
) -> LRFinderResult:
    """Trains with learning rates that increase geometrically.

    The weights are of no use afterwards.

    Args:
        session: Network, data and optimizer.
        low: First learning rate.
        high: Last learning rate; training ends earlier if the loss diverges.
        steps: Number of steps.
        on_step: Called with 1 after each step.

    Raises:
        ConfigError: The learning rate has no effect on this network, or the range is invalid.
        TrainingError: The loss is non-finite at the lowest rate.
    """
    if session.learner.optimizer is None:
        raise ConfigError(
            "The perceptron rule gives the same result at every learning rate.",
            "Choose another --model.",
        )
    if not 0 < low < high or steps <= _LEAST:
        raise ConfigError(
            f"Expected 0 < --low < --high and more than {_LEAST} --steps, found {low:g} to "
            f"{high:g} in {steps} steps.",
            "Change --low, --high or --steps.",
        )
    transfer = session.learner.transfer
    transfer.freeze(0)
    step = session.learner.make_step()
    transfer.train_mode(session.built.module, 0)
    rates, losses, smoothed, mean = np.geomspace(low, high, steps), [], [], 0.0
    for number, (inputs, labels) in enumerate(islice(_endless(session.source), steps)):
        loss = step(inputs, labels, 0, number, float(rates[number])).item()
        mean = _DECAY * mean + (1 - _DECAY) * loss
        current = mean / (1 - _DECAY ** (number + 1))
        if not math.isfinite(loss):
            break
        losses.append(loss)
        smoothed.append(current)
        on_step(1)
        if number >= _LEAST and current > _DIVERGED * min(smoothed):
            break
    if len(losses) < 3:
        raise TrainingError("The loss is non-finite at the lowest rate.", "Lower --low.")
    return LRFinderResult(rates[: len(losses)], np.array(losses), np.array(smoothed))


def _endless(source: Source) -> Iterator[Pair]:
    for epoch in count():
        yield from source.epoch(epoch)


def plot_result(result: LRFinderResult, suggestion: float, path: Path) -> None:
    """Plots the loss over the learning rate; the suffix of ``path`` chooses the format."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(result.rates, result.losses, color="0.75", linewidth=1, label="loss of a step")
    axes.plot(result.rates, result.smoothed, label="moving average")
    axes.axvline(suggestion, color="C1", linestyle="--", label=f"steepest: {suggestion:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    # A diverging loss would hide the rest.
    axes.set_ylim(0, 1.5 * float(result.losses[:_LEAST].max()))
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
