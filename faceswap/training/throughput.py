"""How fast training goes, and how much of the time it waits for data."""

import time
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Counts faces, and the time between steps that is spent waiting for the next batch."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Forgets everything."""
        self.faces = 0
        self.waited = 0.0
        self._excluded = 0.0
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time since the start, without what was excluded."""
        return max(time.perf_counter() - self._begun - self._excluded, 1e-9)

    @property
    def faces_per_second(self) -> float:
        """Faces trained on per second."""
        return self.faces / self.seconds

    @property
    def waiting(self) -> float:
        """Share of the time that was spent waiting for data, 0 to 1."""
        return self.waited / self.seconds

    def exclude(self, seconds: float) -> None:
        """Leaves out time that was not spent on training (saving, evaluating)."""
        self._excluded += seconds

    def watch(self, batches: Iterator[T]) -> Iterator[T]:
        """Hands batches on and notes how long each was waited for."""
        while True:
            begun = time.perf_counter()
            batch = next(batches, None)
            self.waited += time.perf_counter() - begun
            if batch is None:
                return
            yield batch
