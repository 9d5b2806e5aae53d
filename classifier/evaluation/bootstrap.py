"""Intervals by the bootstrap (Efron, 1979): how far a number would move with other images."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.core.seeding import generator

Statistic = Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
"""``(b, N)`` counts of each image in ``b`` resamples -> ``(b,)`` values of each number."""

LEVEL = 0.95
_CHUNK = 4_000_000  # counts held at once


@dataclass(frozen=True)
class Estimate:
    """A number and its 95 % interval.

    Attributes:
        value: As measured on all images.
        low: Lower end; NaN where there is no interval: no resample gives a value, or all images
            are of one group.
        high: Upper end.
    """

    value: float
    low: float
    high: float

    def interval(self, digits: int = 4) -> str:
        """The interval in words; a dash where there is none."""
        return f"{self.low:.{digits}f} to {self.high:.{digits}f}" if np.isfinite(self.low) else "-"

    def describe(self, digits: int = 3) -> str:
        """The number with its interval in brackets."""
        ends = f" [{self.low:.{digits}f}, {self.high:.{digits}f}]" if np.isfinite(self.low) else ""
        return f"{self.value:.{digits}f}{ends}"


def units_of(groups: Sequence[str]) -> NDArray[np.int64]:
    """What is drawn together: a group, or an image that belongs to none.

    Args:
        groups: Name of each image's group; empty for none.

    Returns:
        ``(N,)`` number of each image's unit, counted from 0.
    """
    numbers: dict[tuple[str, int], int] = {}
    keys = [(group, -1 if group else position) for position, group in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def resample(units: NDArray[np.int64], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Draws as many units as there are, with replacement, again and again.

    Args:
        units: ``(N,)`` unit of each image.
        resamples: How many resamples.
        seed: The same seed gives the same resamples.

    Yields:
        ``(b, N)``: how often each image is in each resample; the ``b`` add up to ``resamples``.
    """
    total = int(units.max()) + 1
    random = generator(seed, "bootstrap")
    step = max(1, _CHUNK // len(units))
    for first in range(0, resamples, step):
        rows = min(step, resamples - first)
        sampled = random.integers(0, total, (rows, total)) + total * np.arange(rows)[:, None]
        counts = np.bincount(sampled.ravel(), minlength=rows * total).reshape(rows, total)
        yield counts[:, units].astype(np.float64)


def estimate(
    values: Mapping[str, float],
    statistic: Statistic,
    units: NDArray[np.int64],
    *,
    resamples: int = 1000,
    seed: int = 0,
    on_resamples: Callable[[int], None] = lambda _: None,
) -> dict[str, Estimate]:
    """Percentile intervals of several numbers from the same resamples.

    Args:
        values: The numbers measured on all images.
        statistic: Gives the same numbers for resamples.
        units: ``(N,)`` unit of each image, see ``units_of``.
        resamples: How many resamples.
        seed: The same seed gives the same intervals.
        on_resamples: Called with the number of resamples just done.
    """
    if not units.any():  # one unit alone: every resample is the same
        on_resamples(resamples)
        return {name: Estimate(value, math.nan, math.nan) for name, value in values.items()}
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in values}
    for counts in resample(units, resamples, seed):
        measured = statistic(counts)
        for name, parts in found.items():
            parts.append(measured[name])
        on_resamples(len(counts))
    return {
        name: Estimate(values[name], *_percentiles(np.concatenate(parts)))
        for name, parts in found.items()
    }


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    # A resample without any image of a class has no AUROC: those are left out.
    usable = values[np.isfinite(values)]
    if not len(usable):
        return math.nan, math.nan
    low, high = np.quantile(usable, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
