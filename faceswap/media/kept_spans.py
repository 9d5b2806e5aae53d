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
