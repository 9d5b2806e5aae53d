"""How long the stages of a pipeline are busy."""

import time
from collections.abc import Iterable, Iterator, Mapping
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


class Stage:
    """A stage between two queues: what it takes to make its results, without waiting for input."""

    def __init__(self) -> None:
        self._waiting, self._running = Stopwatch(), Stopwatch()

    def takes(self, items: Iterable[T]) -> Iterator[T]:
        """Yields the items that the stage waits for."""
        return self._waiting.over(items)

    def gives(self, results: Iterable[T]) -> Iterator[T]:
        """Yields the results that the stage makes of the items of ``takes``."""
        return self._running.over(results)

    @property
    def seconds(self) -> float:
        """Seconds that the stage was busy."""
        return self._running.seconds - self._waiting.seconds

    @property
    def taken(self) -> int:
        """Number of items of ``takes``."""
        return self._waiting.count

    @property
    def count(self) -> int:
        """Number of results."""
        return self._running.count


def rates(spent: Mapping[str, tuple[int, float]]) -> dict[str, float]:
    """Results per second of each stage by itself; stages that did nothing are absent.

    Args:
        spent: Number of results and busy seconds by the name of the stage.
    """
    return {name: count / seconds for name, (count, seconds) in spent.items() if count and seconds}
