"""The segments of a video, which are converted one by one, and the frames of each."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from faceswap.media.cuts import cut_at_keys
from faceswap.media.frame import Frame
from faceswap.media.frame_table import FrameTable

LENGTH = 250
"""Fewest frames of a segment: about ten seconds."""


@dataclass(frozen=True)
class Segment:
    """Consecutive frames of a video.

    Attributes:
        first: Index of the first frame.
        end: Index of the first frame after it.
        swapped: Whether faces are swapped in it.
    """

    first: int
    end: int
    swapped: bool = True

    @property
    def indices(self) -> range:
        """Indices of its frames."""
        return range(self.first, self.end)


def plan_segments(table: FrameTable, length: int = LENGTH) -> list[Segment]:
    """Cuts a video into segments, the same for the same file; see ``cut_at_keys``."""
    begins = cut_at_keys(table.keys, table.frames, length)
    return [Segment(*span) for span in zip(begins, [*begins[1:], table.frames], strict=True)]


def consecutive(segments: Iterable[Segment]) -> list[list[Segment]]:
    """Groups of segments that follow each other without a gap."""
    groups: list[list[Segment]] = []
    for segment in segments:
        if groups and groups[-1][-1].end == segment.first:
            groups[-1].append(segment)
        else:
            groups.append([segment])
    return groups


class FrameWindows:
    """Cuts the frames of consecutive segments out of one decoder, each with the frames around it.

    Args:
        frames: Frames in order, from the first one around the first segment on.
        lead: Number of frames before and after each segment that belong to its window.
    """

    def __init__(self, frames: Iterable[Frame], lead: int) -> None:
        self._frames = iter(frames)
        self._lead = lead
        self._kept: deque[Frame] = deque()  # those that the next window needs as well

    def of(self, segment: Segment) -> Iterator[Frame]:
        """Frames of the window of the next segment; read all of them before the next window.

        Frames that belong to two windows are copied: each window may be changed in place.
        """
        kept, self._kept = self._kept, deque()
        while (frame := kept.popleft() if kept else next(self._frames, None)) is not None:
            if frame.index >= segment.end + self._lead:
                self._kept += [frame, *kept]
                return
            if frame.index >= segment.end - self._lead:
                self._kept.append(frame.copy())
            if frame.index >= segment.first - self._lead:
                yield frame


def covered(segments: Sequence[Segment]) -> int:
    """Number of frames of segments."""
    return sum(len(segment.indices) for segment in segments)
