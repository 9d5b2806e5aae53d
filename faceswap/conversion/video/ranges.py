"""The ranges of a video in which faces are swapped."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from faceswap.conversion.video.segments import Segment, consecutive
from faceswap.conversion.video.work_folder import SegmentRecord
from faceswap.core.errors import ConfigError
from faceswap.extraction.moments import Moment, frame_span, parse_moment
from faceswap.media.joining import Piece
from faceswap.media.kept_spans import KeptSpan, SpansOfFrames
from faceswap.media.sources import Source
from faceswap.provenance.swapped_ranges import Outside, SwappedRanges


@dataclass(frozen=True)
class Ranges:
    """Ranges of a video.

    Attributes:
        moments: First moment of each range, and the one after it; None for an open end. Empty for
            the whole video.
        outside: "keep" keeps the frames outside of the ranges as they are; "drop" cuts them out.
    """

    moments: tuple[tuple[Moment | None, Moment | None], ...] = ()
    outside: Outside = "keep"

    @property
    def cuts(self) -> bool:
        """Whether frames outside of the ranges are cut out."""
        return bool(self.moments) and self.outside == "drop"

    def record(self) -> dict[str, Any]:
        """Settings that the result depends on; empty for the whole video."""
        if not self.moments:
            return {}
        names = [["" if each is None else str(each) for each in pair] for pair in self.moments]
        return {"ranges": names, "outside": self.outside}

    def check(self, source: Source) -> None:
        """Checks that a source can have ranges.

        Raises:
            ConfigError: It consists of photos, and ranges are given.
        """
        if self.moments and source.kind == "images":
            raise ConfigError(
                f"Expected a video for --start, --end and --range, found photos: {source.name}.",
                "Convert the photos without them.",
            )

    def spans(self, source: Source, end: int) -> list[tuple[int, int]]:
        """First frame of each range, and the one after it.

        Args:
            source: The video.
            end: Number of its frames.

        Raises:
            ConfigError: A range is empty, lies after the end, or the source has no time.
        """
        spans = []
        for pair in self.moments or ((None, None),):
            first, last = frame_span(source, *pair)
            spans.append((first or 0, end if last is None else min(end, last)))
            if spans[-1][0] >= spans[-1][1]:
                raise ConfigError(
                    f"Expected a range within the {end} frames of {source.name}, found one from "
                    f"frame {spans[-1][0]} on.",
                    "Choose an earlier --start or --range.",
                )
        return spans

    def restrict(self, segments: Sequence[Segment], source: Source) -> list[Segment]:
        """The segments of a video, cut where ranges begin and end.

        Args:
            segments: Segments of the whole video.
            source: The video.

        Raises:
            ConfigError: A range is empty, lies after the end, or the source has no time.
        """
        if not self.moments:
            return list(segments)
        end = segments[-1].end
        spans = self.spans(source, end)
        edges = {edge for span in spans for edge in span}
        begins = sorted({segment.first for segment in segments} | edges - {end})
        pieces = zip(begins, [*begins[1:], end], strict=True)
        cut = [
            Segment(first, last, swapped=any(a <= first < b for a, b in spans))
            for first, last in pieces
        ]
        return [each for each in cut if each.swapped or self.outside == "keep"]

    def swapped(self, segments: Iterable[Segment]) -> SwappedRanges | None:
        """The ranges as frames; None for the whole video.

        Args:
            segments: Segments of the result in order, as ``restrict`` returned them.
        """
        if not self.moments:
            return None
        groups = consecutive(segment for segment in segments if segment.swapped)
        spans = ((group[0].first, group[-1].end) for group in groups)
        return SwappedRanges(tuple(spans), self.outside)


WHOLE = Ranges()
"""The whole video."""


def parse_ranges(
    start: str | None, end: str | None, ranges: Sequence[str], outside: Outside
) -> Ranges:
    """Parses the options of the command line.

    Args:
        start: Moment as of ``parse_moment``; None for the beginning.
        end: Moment after the range; None for the end.
        ranges: Further ranges as ``A-B``; either may be missing.
        outside: Treatment of the frames outside; see ``Ranges``.

    Raises:
        ConfigError: One of them is something else.
    """
    moments = []
    if start is not None or end is not None:
        moments.append((parse_moment(start, "--start"), parse_moment(end, "--end")))
    for text in ranges:
        first, dash, last = text.partition("-")
        if not dash or not (first or last):
            raise ConfigError(
                f"Expected --range A-B, found {text!r}.", "For example --range 1:30-2:00."
            )
        moments.append(
            (parse_moment(first or None, "--range"), parse_moment(last or None, "--range"))
        )
    return Ranges(tuple(moments), outside)


def place_pieces(
    pieces: Sequence[tuple[Segment, SegmentRecord, Piece]],
    *,
    cuts: bool,
    time_base: Fraction,
    frame: int,
) -> tuple[list[Piece], list[KeptSpan]]:
    """Moves segments to where those before them end, and tells the spans of time that are kept.

    Args:
        pieces: Segments of the result in order, with their records and pieces; at least one has
            frames.
        cuts: Whether frames that are in none of them are cut out.
        time_base: Seconds per unit of time stamps.
        frame: Duration of a frame of unknown duration in these units.

    Returns:
        The pieces with frames and their time stamps in the result; and the spans, none if nothing
        is cut out.
    """
    shown = [piece for _, record, piece in pieces if record.pts]
    if not cuts:
        return shown, []
    placed, kept = [], SpansOfFrames(time_base)
    follows, cut = 0, False
    for segment, record, piece in pieces:
        cut = cut or segment.first != follows
        follows = segment.end
        if not record.pts:
            continue
        stop = record.pts[-1] + (record.duration or frame)
        moved = kept.add(record.pts[0], stop, cut=cut)
        placed.append(Piece(piece.path, [pts - moved for pts in record.pts]))
        cut = False
    return placed, kept.spans
