"""The frames that are decoded: which are processed, how many there are, and what is missing."""

from collections.abc import Iterable, Iterator
from contextlib import closing

from faceswap.core.prefetch import prefetch
from faceswap.media.frame import Frame
from faceswap.media.photos import ImageReader
from faceswap.media.sources import FrameReader

_QUEUE = 8


class FrameTally:
    """Takes note of the frames that a reader yields, in order.

    Args:
        reader: Reader, which knows what it could not read.
    """

    def __init__(self, reader: FrameReader) -> None:
        self._reader = reader
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

    def unreadable(self, first: int, end: int | None) -> dict[str, str]:
        """Why photos from one index to before another cannot be read, by their names."""
        reader = self._reader
        return reader.unreadable(first, end) if isinstance(reader, ImageReader) else {}

    def damage(self, end: int | None) -> str:
        """Description of what could not be read, if the source had to be read to its end.

        Otherwise, and if it is undamaged, "".

        Args:
            end: Index of the first frame that is not needed; None if all are.
        """
        # Once such a frame is there, it is by chance whether those after it were decoded as well.
        beyond = end is not None and self.decoded(end, None) > 0
        return "" if beyond else self._reader.damage or ""


def processed(frames: Iterable[Frame], every: int, first: int, end: int | None) -> Iterator[Frame]:
    """Yields every n-th frame, read in a thread of its own.

    Args:
        frames: Frames in order.
        every: Step between the indices of processed frames.
        first: Index of the first frame that is yielded; those before it are only read.
        end: Index of the first frame that is not read; None for none.
    """
    with closing(prefetch(frames, _QUEUE)) as read:
        for frame in read:
            if end is not None and frame.index >= end:
                return
            if frame.index >= first and frame.index % every == 0:
                yield frame
