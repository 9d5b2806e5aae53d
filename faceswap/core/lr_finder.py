"""LR finder: raises the learning rate step by step until the loss diverges.

Smith, 2017: Cyclical learning rates for training neural networks.
"""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from faceswap.core.errors import TrainingError
from faceswap.core.files import atomic_path

LEAST_STEPS = 10
"""Steps before the loss can count as diverged."""

_DECAY = 0.9  # of the moving average of losses
_DIVERGED = 4.0  # times the lowest average loss


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
            raise _no_descent()
        return float(self.rates[steepest])

    def below_lowest(self) -> float:
        """A tenth of the learning rate with the lowest average loss.

        Less exact than the steepest descent, and steadier where single losses are noisy.

        Raises:
            TrainingError: The loss does not decrease at any rate.
        """
        lowest = int(self.smoothed.argmin())
        if lowest < LEAST_STEPS:
            raise _no_descent()
        return float(self.rates[lowest]) / 10


def _no_descent() -> TrainingError:
    return TrainingError(
        "The loss does not decrease at any of the learning rates tried.",
        "Check the data, or start at a lower rate.",
    )


def range_test(
    rates: NDArray[np.float64],
    losses: Iterable[float],
    on_step: Callable[[int], object] = lambda _: None,
) -> LRFinderResult:
    """Collects the losses of steps with increasing learning rates, until they diverge.

    Args:
        rates: ``(N,)`` learning rates, ascending.
        losses: Losses of the steps; each step is taken when its loss is asked for.
        on_step: Called with 1 after each step.

    Raises:
        TrainingError: The loss is non-finite at the lowest rate.
    """
    kept, smoothed, mean = [], [], 0.0
    for number, loss in enumerate(losses):
        mean = _DECAY * mean + (1 - _DECAY) * loss
        current = mean / (1 - _DECAY ** (number + 1))
        if not math.isfinite(loss):
            break
        kept.append(loss)
        smoothed.append(current)
        on_step(1)
        if number >= LEAST_STEPS and current > _DIVERGED * min(smoothed):
            break
    if len(kept) < 3:
        raise TrainingError(
            "The loss is non-finite at the lowest rate.", "Start at a lower learning rate."
        )
    return LRFinderResult(rates[: len(kept)], np.array(kept), np.array(smoothed))


def plot_result(result: LRFinderResult, suggestion: float, path: Path) -> None:
    """Plots the loss over the learning rate; the suffix of ``path`` chooses the format."""
    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot(result.rates, result.losses, color="0.75", linewidth=1, label="loss of a step")
    axes.plot(result.rates, result.smoothed, label="moving average")
    axes.axvline(suggestion, color="C1", linestyle="--", label=f"suggestion: {suggestion:.2g}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    # A diverging loss would hide the rest.
    axes.set_ylim(0, 1.5 * float(result.losses[:LEAST_STEPS].max()))
    axes.legend()
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
