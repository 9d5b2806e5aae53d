"""Counts what is written of a segment, for its record."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from faceswap.conversion.output.writing import Counts
from faceswap.conversion.swap.swapper import SwappedFrame
from faceswap.conversion.video.work_folder import SegmentRecord


class SegmentCounts(Counts):
    """Counts the frames of one segment and their swapped faces, and keeps their time stamps."""

    def __init__(self) -> None:
        super().__init__({})
        self._pts: list[int] = []
        self._duration = self._faulty = 0

    def watch(
        self, swapped: Iterable[SwappedFrame], on_frames: Callable[[int], None]
    ) -> Iterator[SwappedFrame]:
        """Passes swapped frames on, and counts them."""
        for done in super().watch(swapped, on_frames):
            yield done
            self._pts.append(done.frame.pts)
            self._duration = done.frame.duration
            self._faulty += done.frame.faulty

    def record(self, notes: Sequence[str]) -> SegmentRecord:
        """Record of the segment after its last frame.

        Args:
            notes: Differences from the source, one line each.
        """
        return SegmentRecord(
            pts=self._pts,
            duration=self._duration,
            frames_swapped=self.frames_swapped,
            faces_swapped=self.faces_swapped,
            shown=sorted(self.shown),
            faulty=self._faulty,
            notes=[*notes],
        )
