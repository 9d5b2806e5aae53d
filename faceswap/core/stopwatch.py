"""How long the stages of a pipeline are busy."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


class Stopwatch:
    """Adds up the time that a stage takes, and counts what comes out of it.

    Attributes:
        seconds: Seconds spent so far.
        count: Number of items so far.
    """

    def __init__(self) -> None:
        self.seconds = 0.0
        self.count = 0
        self._begun = 0.0

    def __enter__(self) -> "Stopwatch":
        self._begun = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds += time.perf_counter() - self._begun
        self.count += 1

    def over(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items; the time in which each of them is made counts."""
        begun = time.perf_counter()
        for item in items:
            self.seconds += time.perf_counter() - begun
            self.count += 1
            yield item
            begun = time.perf_counter()
