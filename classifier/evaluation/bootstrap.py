"""Confidence intervals by the bootstrap (Efron, 1979), resampling images or groups of images."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceswap.core.seeding import generator

Statistic = Callable[[NDArray[np.float64]], Mapping[str, NDArray[np.float64]]]
"""Function ``(b, N)`` counts of each image in ``b`` resamples -> ``(b,)`` values, by metric."""

LEVEL = 0.95
"""Confidence level of the intervals."""

_CHUNK = 4_000_000  # counts in memory at once


@dataclass(frozen=True)
class Estimate:
    """A metric with its 95 % confidence interval.

    Attributes:
        value: Value on all images.
        low: Lower bound of the interval. NaN without an interval: the metric is undefined on all
            resamples, or all images belong to one group.
        high: Upper bound of the interval; NaN as for ``low``.
    """

    value: float
    low: float
    high: float

    def interval(self, digits: int = 4) -> str:
        """Format the interval as "low to high"; "-" if there is none."""
        return f"{self.low:.{digits}f} to {self.high:.{digits}f}" if np.isfinite(self.low) else "-"

    def describe(self, digits: int = 3) -> str:
        """Format the value with its interval in brackets."""
        ends = f" [{self.low:.{digits}f}, {self.high:.{digits}f}]" if np.isfinite(self.low) else ""
        return f"{self.value:.{digits}f}{ends}"


def resampling_units(groups: Sequence[str]) -> NDArray[np.int64]:
    """Number the units that are resampled as a whole: groups, and images without a group.

    Args:
        groups: Group name of each image; empty for none.

    Returns:
        ``(N,)`` unit of each image, numbered from 0.
    """
    numbers: dict[tuple[str, int], int] = {}
    keys = [(group, -1 if group else position) for position, group in enumerate(groups)]
    return np.array([numbers.setdefault(key, len(numbers)) for key in keys], np.int64)


def resample(units: NDArray[np.int64], resamples: int, seed: int) -> Iterator[NDArray[np.float64]]:
    """Sample as many units as there are, with replacement.

    Args:
        units: ``(N,)`` unit of each image, from ``resampling_units``.
        resamples: Number of resamples.
        seed: Random seed.

    Yields:
        ``(b, N)`` number of times each image occurs in each of ``b`` resamples; the ``b`` of all
        chunks sum to ``resamples``.
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
    """Estimate percentile intervals of several metrics from the same resamples.

    Args:
        values: Metrics on all images, by name.
        statistic: Computes the same metrics for resamples.
        units: ``(N,)`` unit of each image, from ``resampling_units``.
        resamples: Number of resamples.
        seed: Random seed.
        on_resamples: Called with the number of resamples done since the last call.
    """
    if not units.any():  # a single unit: all resamples are equal
        on_resamples(resamples)
        return {name: Estimate(value, math.nan, math.nan) for name, value in values.items()}
    found: dict[str, list[NDArray[np.float64]]] = {name: [] for name in values}
    for counts in resample(units, resamples, seed):
        measured = statistic(counts)
        for name, chunks in found.items():
            chunks.append(measured[name])
        on_resamples(len(counts))
    return {
        name: Estimate(values[name], *_percentiles(np.concatenate(chunks)))
        for name, chunks in found.items()
    }


def _percentiles(values: NDArray[np.float64]) -> tuple[float, float]:
    # Left out: resamples on which the metric is undefined, such as AUROC with one class only.
    defined = values[np.isfinite(values)]
    if not len(defined):
        return math.nan, math.nan
    low, high = np.quantile(defined, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)
