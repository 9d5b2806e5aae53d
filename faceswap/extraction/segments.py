"""The segments of a source, which are extracted one by one, in any order and by any process.

A segment is tracked by a tracker of its own. It begins at a key frame, so that it can be decoded by
itself, and its first frames belong to the segment before: they are tracked twice, until the
landmarks have settled, and tell which tracks are on the same face.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, pairwise

from faceswap.media.cuts import cut_at_keys
from faceswap.media.picture_table import PictureTable, UncertainPicturesError
from faceswap.media.sources import Source

LENGTH = 500
"""Fewest processed frames of a segment: about 20 seconds of each frame."""
LEAD = 25
"""Processed frames that two segments track: twice those after which a lost face is dropped."""


@dataclass(frozen=True)
class Segment:
    """Consecutive frames of a source.

    Attributes:
        start: Index of the first frame that is tracked.
        first: Index of the first frame whose faces are stored.
        end: Index of the first frame after it; None for the end of the source.
    """

    start: int
    first: int
    end: int | None

    def owns(self, index: int) -> bool:
        """Whether the faces of a frame are stored with this segment."""
        return self.first <= index and (self.end is None or index < self.end)


@dataclass(frozen=True)
class SegmentPlan:
    """The segments of a source, the same for the same source and settings.

    Attributes:
        segments: Segments in order; without an end if the number of frames is not known.
        frames: Number of frames of the source; None if only reading it to its end shows it. Then
            segments are not independent: they have to be read in one go.
        lead: Processed frames that two segments track; none of photos, which nothing follows.
    """

    segments: Iterable[Segment]
    frames: int | None
    lead: int


def plan_segments(
    source: Source, step: int = 1, first: int = 0, end: int | None = None
) -> SegmentPlan:
    """Cuts a source into segments, without decoding it.

    Args:
        source: Video or photos.
        step: Step between processed frames.
        first: Index of the first processed frame.
        end: Index of the first frame that is not processed; None for none.

    Raises:
        MediaError: The video does not exist, or is not a video.
    """
    length = LENGTH * step
    if source.kind == "images":
        # One process reads all of them: each part would carry the list of the whole folder.
        return SegmentPlan(_endless(first, length, 0), None, 0)
    try:
        table = PictureTable.of_file(source.path)
    except UncertainPicturesError:
        return SegmentPlan(_endless(first, length, LEAD * step), None, LEAD)
    frames = len(table.pts)
    stop = frames if end is None else min(end, frames)
    begin, *others = cut_at_keys(table.keys, stop, length, first)
    lead = LEAD * step
    begins = [begin, *(other for other in others if other + lead < stop)]
    return SegmentPlan(_between(begins, lead), frames, LEAD)


def earliest(*ends: int | None) -> int | None:
    """The earliest of some ends, each the index of the first frame after it, or None for no end."""
    return min((end for end in ends if end is not None), default=None)


def _between(begins: Sequence[int], lead: int) -> list[Segment]:
    """Segments that begin at some frames; the last one has no end, since decoding may show more."""
    ends: list[int | None] = [*(begin + lead for begin in begins[1:]), None]
    firsts = [begins[0], *(begin + lead for begin in begins[1:])]
    return [Segment(*span) for span in zip(begins, firsts, ends, strict=True)]


def _endless(first: int, length: int, lead: int) -> Iterator[Segment]:
    begins = count(first, length)
    for number, (begin, following) in enumerate(pairwise(begins)):
        yield Segment(begin, begin + lead if number else begin, following + lead)
