"""The parts into which an engine divides the extraction of a source."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from faceswap.core.locks import hold_file
from faceswap.engines.work import Part, PartResult, Plan
from faceswap.extraction.assembly import FrameSpan
from faceswap.extraction.segments import Segment
from faceswap.extraction.settings import ExtractSettings
from faceswap.extraction.source_extraction import SourceExtraction
from faceswap.facesets.files import SEGMENTS
from faceswap.facesets.segments import segment_file
from faceswap.media.hashed_source import HashedSource

_SEGMENTS = 2  # of a part: the frames between two of them are decoded once
_PURPOSE = "the extraction"
_ALL = "all"  # name of the lock of a source that is one part


@dataclass(frozen=True)
class SegmentsPart:
    """Some segments of a video.

    Attributes:
        hashed: The video, as it was when the work was planned.
        settings: Settings with the span of the video.
        segments: The segments.
    """

    hashed: HashedSource
    settings: ExtractSettings
    segments: tuple[Segment, ...]


@dataclass(frozen=True)
class PartFacts:
    """What the assembly needs to know.

    Attributes:
        span: Frames of the source that are processed.
        notes: Lines about how the source was read.
    """

    span: FrameSpan
    notes: tuple[str, ...] = ()


def plan_parts(extraction: SourceExtraction) -> Plan:
    """Divides what is left of an extraction: segments of a video, or all of another source."""
    if extraction.writer.complete:
        return Plan([])
    frames = extraction.plan.frames
    if frames is None:
        return Plan([Part(0)])
    parts = []
    for group in extraction.missing():
        segments = [*group]
        for begin in range(0, len(segments), _SEGMENTS):
            some = tuple(segments[begin : begin + _SEGMENTS])
            end = frames if some[-1].end is None else some[-1].end
            content = SegmentsPart(extraction.hashed, extraction.settings, some)
            parts.append(Part(end - some[0].first, content))
    return Plan(parts, PartFacts(extraction.span))


def run_part(extraction: SourceExtraction, part: SegmentsPart) -> PartResult:
    """Extracts the segments of a part that are not complete."""
    counted = _FrameCount()
    if extraction.writer.complete:  # this process seemed dead, and others did its part
        return PartResult(0, PartFacts(extraction.span))
    with _held(extraction, part.segments):
        missing = [segment for segment in part.segments if not extraction.is_complete(segment)]
        notes = extraction.extract(missing, counted) if missing else ()
    return PartResult(counted.frames, PartFacts(extraction.span, notes))


def run_whole(extraction: SourceExtraction) -> PartResult:
    """Extracts what is missing of a source that is one part."""
    counted, notes = _FrameCount(), ()
    with hold_file(extraction.writer.path / SEGMENTS / _ALL, _PURPOSE, wait=True):
        if not extraction.writer.complete:
            notes = extraction.extract_missing(counted)
    return PartResult(counted.frames, PartFacts(extraction.span, notes))


def facts_of(planned: PartFacts | None, results: Sequence[PartResult]) -> PartFacts:
    """What the assembly needs to know, of a plan and what came of its parts."""
    known = [facts for facts in (planned, *(result.facts for result in results)) if facts]
    if not known:  # all was done, and only the assembly was left
        return PartFacts(FrameSpan(None))
    notes = dict.fromkeys(note for facts in known for note in facts.notes)
    return PartFacts(known[0].span, (*notes,))


@contextmanager
def _held(extraction: SourceExtraction, segments: Sequence[Segment]) -> Iterator[None]:
    """Holds segments, after a process that seemed dead and still writes one."""
    with ExitStack() as stack:
        for segment in segments:
            file = segment_file(extraction.writer.path, segment.first, segment.end)
            stack.enter_context(hold_file(file, _PURPOSE, wait=True))
        yield


class _FrameCount:
    """Counts the frames that are done."""

    def __init__(self) -> None:
        self.frames = 0

    def __call__(self, frames: int) -> None:
        self.frames += frames
