"""Spans of a video that are kept when the others are cut out."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av import Packet


@dataclass(frozen=True)
class KeptSpan:
    """A span of time that is kept.

    Attributes:
        begin: Begin in seconds in the source.
        end: End in seconds in the source.
        moved: Seconds by which it begins earlier in the result.
    """

    begin: Fraction
    end: Fraction
    moved: Fraction


class SpansOfFrames:
    """Moves frames of a video to where those before them end, where others are cut out between.

    Time in which no frame can be decoded is kept, unless it lies where a cut is.

    Args:
        time_base: Seconds per unit of time stamps.

    Attributes:
        spans: The spans of time that are kept so far.
    """

    def __init__(self, time_base: Fraction) -> None:
        self.spans: list[KeptSpan] = []
        self._time_base = time_base
        self._moved = 0
        self._end = 0

    def add(self, first: int, stop: int, *, cut: bool) -> int:
        """Adds frames that follow each other, behind those that were added before.

        Args:
            first: Time stamp of the first frame.
            stop: Time at which the last frame ends, in the same units.
            cut: Whether frames are cut out between those before them and these.

        Returns:
            By how much earlier they are shown in the result.
        """
        begin = Fraction(0)
        if cut:
            self._moved, begin = first - self._end, first * self._time_base
        elif self.spans:
            begin = self.spans.pop().begin
        self.spans.append(KeptSpan(begin, stop * self._time_base, self._moved * self._time_base))
        self._end = stop - self._moved
        return self._moved


def kept_packets(packets: Iterable[Packet], spans: Sequence[KeptSpan]) -> Iterator[Packet]:
    """Packets that begin in one of the spans, with time stamps moved in place.

    Args:
        packets: Packets of other streams than the pictures, on the clock that begins at 0.
        spans: The spans in order; empty to keep everything as it is.
    """
    for packet in packets:
        stamp = packet.dts if packet.pts is None else packet.pts
        if not spans or stamp is None:
            yield packet
            continue
        time = stamp * packet.time_base
        span = next((span for span in spans if span.begin <= time < span.end), None)
        if span is None:
            continue
        ticks = round(span.moved / packet.time_base)
        packet.pts = None if packet.pts is None else packet.pts - ticks
        packet.dts = None if packet.dts is None else packet.dts - ticks
        yield packet


def kept_interval(
    begin: Fraction, end: Fraction, spans: Sequence[KeptSpan]
) -> tuple[Fraction, Fraction] | None:
    """What is left of an interval such as a chapter, in seconds of the result; None for nothing."""
    if not spans:
        return begin, end
    left = [span for span in spans if max(begin, span.begin) < min(end, span.end)]
    if not left:
        return None
    first, last = left[0], left[-1]
    return max(begin, first.begin) - first.moved, min(end, last.end) - last.moved
