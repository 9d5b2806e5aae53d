"""FFmpeg's scaler and filters, and what only they tell of a frame: place of chroma, fields."""

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Literal, TypeVar

import numpy as np
from av import VideoFrame
from av.error import BlockingIOError as NotReadyError
from av.error import EOFError as FinishedError
from av.filter import Graph
from av.video.reformatter import Interpolation
from numpy.typing import NDArray

# swscale's fast path is up to 3 levels off and 1.5 too dark on average; these flags are exact.
EXACT = int(Interpolation.BILINEAR | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT)
# Downsampling averages the chroma of four pixels, so that a round trip changes nothing.
EXACT_DOWN = int(Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INP)
# A scaler keeps its threads: creating one per frame halves the speed.
THREADS = min(4, os.cpu_count() or 1)

T = TypeVar("T")

# Frames that are not marked as interlaced are left as they are.
DEINTERLACE = (("bwdif", "mode=send_frame:deint=interlaced"),)

LEFT, CENTRE = (0.0, 0.5), (0.5, 0.5)
"""Places of chroma across and down, as of ``ChromaAxis``; FFmpeg takes those that a file does not
tell for central."""

Fields = Literal["", "tff", "bff"]

CHROMA_LOCATIONS = {
    (0.0, 0.5): "left",
    (0.5, 0.5): "center",
    (0.0, 0.0): "topleft",
    (0.5, 0.0): "top",
    (0.0, 1.0): "bottomleft",
    (0.5, 1.0): "bottom",
}
"""FFmpeg's names of the places of chroma, across and down as of ``ChromaAxis``."""


class FrameFilter:
    """A chain of filters for frames of one size and format.

    Args:
        first: Frame like those that will be filtered.
        filters: Name and arguments of each filter.
    """

    def __init__(self, first: VideoFrame, filters: Sequence[tuple[str, str]]) -> None:
        self._graph = Graph()
        last = self._graph.add_buffer(
            width=first.width,
            height=first.height,
            format=first.format,
            time_base=first.time_base or Fraction(1),
        )
        for name, arguments in [*filters, ("buffersink", "")]:
            added = self._graph.add(name, arguments or None)
            last.link_to(added)
            last = added
        self._graph.configure()

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Filters the next frame, or the end; yields the frames that are ready."""
        self._graph.push(frame)
        while True:
            try:
                ready = self._graph.pull()
            except (NotReadyError, FinishedError):
                return
            assert isinstance(ready, VideoFrame)
            yield ready

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Filters a single frame; for filters that give one frame for each.

        Time stamps are kept, and those that are missing remain so.
        """
        pts, frame.pts = frame.pts, frame.pts or 0
        (filtered,) = self.push(frame)
        frame.pts = filtered.pts = pts
        return filtered


def filtered(
    frames: Iterable[tuple[T, VideoFrame]], filters: Sequence[tuple[str, str]]
) -> Iterator[tuple[T, VideoFrame]]:
    """Filters a sequence of frames, each with what belongs to it, which may change size or format.

    Args:
        frames: Frames in order, each with anything.
        filters: Name and arguments of filters that give one frame for each, maybe later.
    """
    waiting: deque[T] = deque()
    chain, kind = None, ()
    for mark, frame in frames:
        this = (frame.width, frame.height, frame.format.name)
        if chain is not None and this != kind:
            yield from ((waiting.popleft(), ready) for ready in chain.push(None))
            chain = None
        chain, kind = chain or FrameFilter(frame, filters), this
        waiting.append(mark)
        yield from ((waiting.popleft(), ready) for ready in chain.push(frame))
    if chain is not None:
        yield from ((waiting.popleft(), ready) for ready in chain.push(None))


def chroma_place(frame: VideoFrame) -> tuple[float, float]:
    """Place of the chroma of a 4:2:0 frame across and down, as FFmpeg takes it.

    PyAV does not show it: it is measured on a small frame with the same properties.
    """
    if frame.format.is_rgb:
        return LEFT
    small = frame.reformat(32, 32, "yuv420p", threads=1)
    _bytes(small, 1)[:] = 0
    _bytes(small, 1)[8, 8] = 255
    found = _bytes(small.reformat(format="yuv444p", interpolation=EXACT, threads=1), 1)[:, :32]
    weights = found.astype(float) / found.sum()
    across, down = weights.sum(0) @ np.arange(32) - 16, weights.sum(1) @ np.arange(32) - 16
    return float(round(2 * across) / 2), float(round(2 * down) / 2)


def fields_of(frame: VideoFrame) -> Fields:
    """Order of the fields of a frame, measured as the place of chroma is; "" if it has none."""
    if not frame.interlaced_frame:
        return ""
    small = frame.reformat(32, 32, "gray", threads=1)
    _bytes(small, 0)[::2] = 0
    _bytes(small, 0)[1::2] = 255
    first = next(FrameFilter(small, [("separatefields", "")]).push(small))
    return "bff" if _bytes(first, 0)[0, 0] else "tff"


def _bytes(frame: VideoFrame, index: int) -> NDArray[np.uint8]:
    plane = frame.planes[index]
    return np.frombuffer(memoryview(plane), np.uint8).reshape(plane.height, -1)
