"""Rates of the stages of an extraction, by which the slowest is known."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from faceswap.core.stopwatch import Stopwatch
from faceswap.media.frame import Frame

T = TypeVar("T")


class Stages:
    """Stopwatches of the stages, each of which runs in a thread of its own.

    Attributes:
        decode: Decoding of frames.
        write: Cropping, masking, measuring and storing the faces of a frame.
    """

    def __init__(self) -> None:
        self.decode, self.write = Stopwatch(), Stopwatch()
        self._track, self._waiting = Stopwatch(), Stopwatch()

    def wait(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yields the frames that tracking waits for."""
        return self._waiting.over(frames)

    def track(self, found: Iterable[T]) -> Iterator[T]:
        """Yields the results of tracking the frames of ``wait``."""
        return self._track.over(found)

    def rates(self) -> dict[str, float]:
        """Frames per second of each stage by itself; stages that did nothing are absent."""
        tracking = self._track.seconds - self._waiting.seconds
        spent = {
            "decode": (self.decode.count, self.decode.seconds),
            "track": (self._track.count, tracking),
            "write": (self.write.count, self.write.seconds),
        }
        return {
            name: count / seconds for name, (count, seconds) in spent.items() if count and seconds
        }
