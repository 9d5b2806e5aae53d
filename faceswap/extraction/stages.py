"""Rates of the stages of an extraction, by which the slowest is known."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from faceswap.core.stopwatch import Stopwatch

T = TypeVar("T")


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
    def count(self) -> int:
        """Number of results."""
        return self._running.count


class Stages:
    """Stopwatches of the stages, each of which runs in a thread of its own.

    Attributes:
        decode: Decoding of frames.
        detect: Detection passes that are scheduled.
        track: Tracking, with all other detection passes.
        write: Cropping, masking, measuring and storing the faces of a frame.
    """

    def __init__(self) -> None:
        self.decode, self.write = Stopwatch(), Stopwatch()
        self.detect, self.track = Stage(), Stage()

    def rates(self) -> dict[str, float]:
        """Frames per second of each stage by itself; stages that did nothing are absent."""
        spent = {
            "decode": (self.decode.count, self.decode.seconds),
            "detect": (self.track.count, self.detect.seconds),  # it gives chunks of frames
            "track": (self.track.count, self.track.seconds),
            "write": (self.write.count, self.write.seconds),
        }
        return {
            name: count / seconds for name, (count, seconds) in spent.items() if count and seconds
        }
