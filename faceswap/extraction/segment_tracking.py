"""Tracks the faces of segments, each from its own start, without short gaps."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from faceswap.core.prefetch import prefetch
from faceswap.extraction.imported_tracker import ImportedTracker
from faceswap.extraction.segments import Segment
from faceswap.extraction.stages import Stages
from faceswap.media.frame import Frame
from faceswap.tracking.ahead import Chunk, SearchedFrame, detect_ahead, track_frame
from faceswap.tracking.gaps import GapFiller
from faceswap.tracking.stitching import Sighting
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace


@dataclass(frozen=True)
class TrackedFrame:
    """A frame with its faces, by the tracks of a segment.

    Attributes:
        segment: The segment, which may have tracked the frame only to begin with.
        frame: Frame.
        faces: Faces in it.
    """

    segment: Segment
    frame: Frame
    faces: list[TrackedFace]


@dataclass(frozen=True)
class SegmentEnd:
    """The end of a segment, after all of its frames.

    Attributes:
        segment: The segment.
        before: Faces in the frames before its first one.
        after: Faces in the frames that the next segment tracked as well.
        last: Whether the source ended.
    """

    segment: Segment
    before: tuple[Sighting, ...]
    after: tuple[Sighting, ...]
    last: bool


@dataclass(frozen=True)
class SegmentTracking:
    """How the segments of a source are tracked.

    Attributes:
        tracker: Tracker, whose networks all segments share.
        kind: Kind of the source: "video", or "images" for independent frames.
        step: Step between the indices of processed frames.
        fill_gaps: Frames of the longest gap of a track that is filled. Nothing beyond those after
            which the tracker drops a lost face; gaps between imported faces are not filled.
        lead: Processed frames that two segments track.
    """

    tracker: Tracker | ImportedTracker
    kind: str
    step: int
    fill_gaps: int
    lead: int

    @property
    def longest_gap(self) -> int:
        """Processed frames of the longest gap that is filled."""
        if self.kind == "images" or isinstance(self.tracker, ImportedTracker):
            return 0
        return min(self.fill_gaps // self.step, self.tracker.settings.max_lost_frames)

    def stop(self, segment: Segment) -> int | None:
        """Index of the first frame that a segment does not need; None if it needs all."""
        return None if segment.end is None else segment.end + self.longest_gap * self.step

    def run(
        self, frames: Iterable[Frame], segments: Iterable[Segment], stages: Stages
    ) -> Iterator[TrackedFrame | SegmentEnd]:
        """Tracks consecutive segments over the same frames.

        Args:
            frames: Frames that are processed, from the start of the first segment on.
            segments: The segments, in order; those that begin after the last frame are left out.
            stages: Stopwatches of detection and tracking; the results are those of the latter.

        Yields:
            Each frame with its faces, for each segment that tracks it, and the end of each segment.
        """
        tracker = self.tracker
        if isinstance(tracker, ImportedTracker):
            chunks = (
                deque([SearchedFrame(frame, frame.image, None)])
                for frame in stages.track.takes(frames)
            )
        else:
            searched = detect_ahead(stages.detect.takes(frames), tracker, self.kind, self.step)
            chunks = stages.track.takes(prefetch(stages.detect.gives(searched), 1))
        return self._run(chunks, iter(segments))

    def _run(
        self, chunks: Iterable[Chunk], segments: Iterator[Segment]
    ) -> Iterator[TrackedFrame | SegmentEnd]:
        following, active = next(segments, None), deque[_Tracked]()
        for chunk in chunks:
            while chunk:
                searched = chunk.popleft()  # not held any longer: frames are large
                index = searched.frame.index
                while following is not None and following.start <= index:
                    active.append(self._begin(following))
                    following = next(segments, None)
                while active and active[0].is_over(index):
                    yield from active.popleft().end(last=False)
                for tracked in active:
                    yield from tracked.add(searched)
        while active:
            yield from active.popleft().end(last=True)

    def _begin(self, segment: Segment) -> "_Tracked":
        overlap = None if segment.end is None else segment.end - self.lead * self.step
        return _Tracked(segment, self._track(), self.longest_gap, self.stop(segment), overlap)

    def _track(self) -> Callable[[SearchedFrame], list[TrackedFace]]:
        tracker = self.tracker
        if isinstance(tracker, ImportedTracker):
            return lambda searched: tracker.faces_in(searched.frame)
        new = tracker.anew()
        return lambda searched: track_frame(searched, new, self.kind, self.step)


class _Tracked:
    """A segment while it is tracked.

    Args:
        segment: The segment.
        track: Callback that finds the faces of the next frame.
        longest_gap: Processed frames of the longest gap that is filled.
        stop: Index of the first frame that is not needed; None if all are.
        overlap: Index of the first frame that the next segment tracks as well; None if there is no
            next one.
    """

    def __init__(
        self,
        segment: Segment,
        track: Callable[[SearchedFrame], list[TrackedFace]],
        longest_gap: int,
        stop: int | None,
        overlap: int | None,
    ) -> None:
        self._segment = segment
        self._track = track
        self._stop = stop
        self._overlap = overlap
        self._filler: GapFiller[Frame] = GapFiller(longest_gap)
        self._before: list[Sighting] = []
        self._after: list[Sighting] = []

    def is_over(self, index: int) -> bool:
        """Whether no frame from this one on is needed."""
        return self._stop is not None and index >= self._stop

    def add(self, searched: SearchedFrame) -> Iterator[TrackedFrame]:
        """Tracks the next frame; yields those whose faces are final."""
        index, faces = searched.frame.index, self._track(searched)
        if index < self._segment.first:
            self._before += _sightings(index, faces)
        if self._overlap is not None and index >= self._overlap and self._segment.owns(index):
            self._after += _sightings(index, faces)
        yield from self._tracked(self._filler.add(searched.frame, faces))

    def end(self, *, last: bool) -> Iterator[TrackedFrame | SegmentEnd]:
        """Yields what is left, and the end."""
        yield from self._tracked(self._filler.rest())
        yield SegmentEnd(self._segment, tuple(self._before), tuple(self._after), last)

    def _tracked(self, frames: Iterable[tuple[Frame, list[TrackedFace]]]) -> Iterator[TrackedFrame]:
        for frame, faces in frames:
            if self._segment.end is None or frame.index < self._segment.end:
                yield TrackedFrame(self._segment, frame, faces)


def _sightings(index: int, faces: Sequence[TrackedFace]) -> list[Sighting]:
    return [Sighting(index, face.track, face.box) for face in faces]
