"""Timing of work, and output of the results."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Rate:
    """A throughput.

    Attributes:
        count: Number of items processed.
        seconds: Elapsed time.
    """

    count: float
    seconds: float

    @property
    def value(self) -> float:
        """Items per second."""
        return self.count / self.seconds


def timed(work: Callable[[], float]) -> Rate:
    """Time a function that returns its number of processed items."""
    start = time.perf_counter()
    count = work()
    return Rate(count, time.perf_counter() - start)


def exhaust(items: Iterable[object]) -> int:
    """Consume an iterable and count its items."""
    return sum(1 for _ in items)


def show(name: str, rate: Rate, unit: str, reference: Rate | None = None) -> None:
    """Print a throughput and its ratio to a reference."""
    ratio = f"  {rate.value / reference.value:5.2f} x the reference" if reference else ""
    print(f"{name:36}{rate.value:9.1f} {unit}{ratio}", flush=True)
