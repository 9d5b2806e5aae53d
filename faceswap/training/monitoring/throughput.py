"""Training throughput, the time left, and the fraction of time spent waiting for data."""

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Pace:
    """Estimates when a budget will be used up, from the pace of this start.

    Args:
        fraction: Fraction of the budget that was used up before.
        seconds: Training time before.
    """

    def __init__(self, fraction: float, seconds: float) -> None:
        self._fraction, self._seconds = fraction, seconds

    def seconds_left(self, fraction: float, seconds: float) -> float | None:
        """Estimated time left; None before anything of the budget is used up.

        Args:
            fraction: Fraction of the budget that is used up now, 0 to 1.
            seconds: Training time now.
        """
        used = fraction - self._fraction
        return (seconds - self._seconds) * (1 - fraction) / used if used > 0 else None


class Stopwatch:
    """Measures faces per second and the time spent waiting for the next batch."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Resets all counters."""
        self.faces = self.steps = 0
        self.waited = 0.0
        self._excluded = 0.0
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Seconds since the start, without excluded time."""
        return max(time.perf_counter() - self._begun - self._excluded, 1e-9)

    @property
    def faces_per_second(self) -> float:
        """Training throughput in faces per second."""
        return self.faces / self.seconds

    @property
    def waiting(self) -> float:
        """Fraction of the time spent waiting for data, 0 to 1."""
        return self.waited / self.seconds

    def exclude(self, seconds: float) -> None:
        """Excludes time that was not spent on training, such as saving."""
        self._excluded += seconds

    def watch(self, batches: Iterator[T]) -> Iterator[T]:
        """Passes batches on and measures the time spent waiting for each."""
        while True:
            begun = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - begun
            if batch is None:
                return
            yield batch
