"""Pairs the frames of a converted video with the source frames that they were made of."""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from faceswap.media.frame import Frame
from faceswap.media.kept_spans import KeptSpan, SpansOfFrames
from faceswap.media.video import VideoReader
from faceswap.provenance.swapped_ranges import SwappedRanges

BLOCK = 10
"""Consecutive frames per block when a video is sampled; jitter needs at least three."""


def sample_frame_indices(spans: Sequence[tuple[int, int]], limit: int) -> set[int]:
    """Indices of at most ``limit`` frames: evenly spaced blocks of consecutive frames.

    A block lies within one span, and is shorter than the others where the span is.

    Args:
        spans: First frame of each span to sample, and the one after it, in order.
        limit: Largest number of frames.
    """
    frames = [index for first, end in spans for index in range(first, end)]
    if len(frames) <= limit:
        return set(frames)
    length = min(BLOCK, limit)
    starts = np.linspace(0, len(frames) - length, max(1, limit // length)).round().astype(int)
    chosen: set[int] = set()
    for begin in (frames[start] for start in starts):
        first, end = next(span for span in spans if span[0] <= begin < span[1])
        begin = max(first, min(begin, end - length))
        chosen.update(range(begin, min(end, begin + length)))
    return chosen


class FramePairs:
    """The frames of a source, each with the frame of the converted file that was made of it.

    Args:
        source: Reader of the source.
        output: Reader of the converted file.
        ranges: Ranges in which faces were swapped; None for everything.
        on_frames: Callback with the number of source frames read since the last call.

    Attributes:
        missing: Number of frames that the file lacks, after an iteration.
        time_error: Largest difference of time stamps in ms, after an iteration.
        kept: Spans of the source that are in the file, after an iteration; empty if nothing was
            cut out.
    """

    def __init__(
        self,
        source: VideoReader,
        output: VideoReader,
        ranges: SwappedRanges | None,
        on_frames: Callable[[int], None],
    ) -> None:
        self.missing = 0
        self.time_error = 0.0
        self.kept: list[KeptSpan] = []
        self._source = source
        self._output = output
        self._cuts = ranges.spans if ranges is not None and ranges.outside == "drop" else ()
        self._on_frames = on_frames

    def __iter__(self) -> Iterator[tuple[Frame, Frame]]:
        self.missing, self.time_error = 0, 0.0
        outputs = iter(self._output)
        for source, time in self._placed():
            output = next(outputs, None)
            if output is None:
                self.missing += 1
                continue
            self.time_error = max(self.time_error, 1000 * abs(time - output.time))
            yield source, output
        self.missing -= sum(1 for _ in outputs)

    def _placed(self) -> Iterator[tuple[Frame, float]]:
        """Frames of the source that are in the file, each with its time there in seconds."""
        info = self._source.info
        step = max(1, round(1 / (info.fps * info.time_base)))
        firsts = [first for first, _ in self._cuts]
        spans, last = SpansOfFrames(info.time_base), -1
        if self._cuts and not firsts[0]:
            last = 0  # nothing is cut out in front of the first span
        for frame in self._source:
            self._on_frames(1)
            if not self._cuts:
                yield frame, frame.time
                continue
            number = bisect_right(firsts, frame.index) - 1
            if number < 0 or frame.index >= self._cuts[number][1]:
                continue
            stop = frame.pts + (frame.duration or step)
            moved = spans.add(frame.pts, stop, cut=number != last)
            last = number
            yield frame, float((frame.pts - moved) * info.time_base)
        self.kept = spans.spans
