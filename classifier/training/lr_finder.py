"""Finds a learning rate by raising it step by step until the loss explodes.

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

_MEMORY = 0.9  # of the running mean of losses
_EXPLODED = 4.0  # times the lowest mean loss
_LEAST = 10  # steps before anything is said to have exploded


@dataclass(frozen=True)
class Sweep:
    """Loss by learning rate.

    Attributes:
        rates: ``(N,)`` learning rate of each step.
        losses: ``(N,)`` loss of each step.
        smoothed: ``(N,)`` their running mean.
    """

    rates: NDArray[np.float64]
    losses: NDArray[np.float64]
    smoothed: NDArray[np.float64]

    def suggestion(self) -> float:
        """The rate at which the loss falls most steeply over the logarithm of the rate.

        Steepness is that of a straight line through the losses around a rate, so that the noise of
        single steps counts little, and is looked for up to the lowest mean loss.

        Raises:
            TrainingError: The loss never falls.
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
                "The loss does not fall at any learning rate that was tried.",
                "Look at the data, or begin lower with --low.",
            )
        return float(self.rates[steepest])


def sweep(
    session: Session,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    steps: int = 100,
    on_step: Callable[[int], object] = lambda _: None,
) -> Sweep:
    """Trains with rates that rise by the same factor from step to step.

    The network is spoilt by it.

    Args:
        session: Network, data and learner.
        low: First rate.
        high: Last rate; the sweep ends earlier when the loss explodes.
        steps: How many.
        on_step: Called with 1 after each.

    Raises:
        ConfigError: The network learns without a rate that matters, or the range is empty.
    """
    if session.learner.optimizer is None:
        raise ConfigError("The perceptron learns the same at every rate.")
    if not 0 < low < high or steps <= _LEAST:
        raise ConfigError(
            f"A sweep from {low:g} to {high:g} in {steps} steps is none.",
            f"Give 0 < --low < --high and more than {_LEAST} --steps.",
        )
    transfer = session.learner.transfer
    transfer.freeze(0)
    step = session.learner.make_step()
    transfer.train_mode(session.built.module, 0)
    rates, losses, smoothed, mean = np.geomspace(low, high, steps), [], [], 0.0
    for number, (inputs, labels) in enumerate(islice(_endless(session.source), steps)):
        loss = step(inputs, labels, 0, number, float(rates[number])).item()
        mean = _MEMORY * mean + (1 - _MEMORY) * loss
        current = mean / (1 - _MEMORY ** (number + 1))
        if not math.isfinite(loss):
            break
        losses.append(loss)
        smoothed.append(current)
        on_step(1)
        if number >= _LEAST and current > _EXPLODED * min(smoothed):
            break
    if len(losses) < 3:
        raise TrainingError("The loss is not a number at the lowest rate.", "Lower --low.")
    return Sweep(rates[: len(losses)], np.array(losses), np.array(smoothed))


def _endless(source: Source) -> Iterator[Pair]:
    for epoch in count():
        yield from source.epoch(epoch)


def plot_sweep(result: Sweep, suggestion: float, path: Path) -> None:
    """Draws loss over rate as a picture; its suffix chooses the format."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(result.rates, result.losses, color="0.75", linewidth=1, label="loss of a step")
    axes.plot(result.rates, result.smoothed, label="running mean")
    axes.axvline(suggestion, color="C1", linestyle="--", label=f"steepest: {suggestion:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    # An exploding loss would press the rest to the floor.
    axes.set_ylim(0, 1.5 * float(result.losses[:_LEAST].max()))
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
