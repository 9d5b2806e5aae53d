"""Counts the frames that are decoded, by any span of them."""

from collections.abc import Iterable, Iterator

from faceswap.media.frame import Frame


class FrameTally:
    """Takes note of the frames that a reader yields, in order."""

    def __init__(self) -> None:
        self._runs: list[list[int]] = []  # first frame, and first one after, of decoded frames
        self._faulty: list[int] = []

    def over(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """Yields the frames, and counts them."""
        for frame in frames:
            if self._runs and self._runs[-1][1] == frame.index:
                self._runs[-1][1] += 1
            else:
                self._runs.append([frame.index, frame.index + 1])
            if frame.faulty:
                self._faulty.append(frame.index)
            yield frame

    def decoded(self, first: int, end: int | None) -> int:
        """Number of frames from one index to before another that were decoded."""
        spans = ((max(a, first), b if end is None else min(b, end)) for a, b in self._runs)
        return sum(max(0, b - a) for a, b in spans)

    def faulty(self, first: int, end: int | None) -> int:
        """Number of those that were decoded with errors."""
        return sum(first <= index and (end is None or index < end) for index in self._faulty)
