"""Converts subtitles that are text to the form that a container takes."""

from fractions import Fraction

from av import Packet
from av.error import FFmpegError
from av.subtitles.stream import SubtitleStream

# Codecs whose subtitles are text.
TEXT_CODECS = frozenset({"subrip", "ass", "ssa", "webvtt", "mov_text", "text"})

_MILLISECOND = Fraction(1, 1000)
# Encoders want styles, and refuse the whole file for damaged ones of the source.
_STYLES = (
    b"[Script Info]\r\nScriptType: v4.00+\r\n\r\n[V4+ Styles]\r\n"
    b"Format: Name, Fontname, Fontsize, PrimaryColour, SecondaryColour, OutlineColour, BackColour,"
    b" Bold, Italic, Underline, StrikeOut, ScaleX, ScaleY, Spacing, Angle, BorderStyle, Outline,"
    b" Shadow, Alignment, MarginL, MarginR, MarginV, Encoding\r\n"
    b"Style: Default,Arial,16,&Hffffff,&Hffffff,&H0,&H0,0,0,0,0,100,100,0,0,1,1,0,2,10,10,10,0"
    b"\r\n\r\n[Events]\r\n"
    b"Format: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\r\n"
)


def prepare_text(target: SubtitleStream) -> None:
    """Prepares the encoder of a stream, before the header is written."""
    target.codec_context.subtitle_header = _STYLES
    target.codec_context.time_base = _MILLISECOND


def convert_text(source: SubtitleStream, target: SubtitleStream, packet: Packet) -> Packet | None:
    """A packet in the codec of the target; None if it has no text or is damaged."""
    if packet.pts is None:
        return None
    try:
        source.codec_context.open(strict=False)
        subtitle = source.codec_context.decode2(packet)
        if subtitle is None:
            return None
        converted = target.codec_context.encode_subtitle(subtitle)
    except (FFmpegError, ValueError):
        return None
    begin, length = packet.pts * packet.time_base, (packet.duration or 0) * packet.time_base
    converted.time_base = _MILLISECOND
    converted.pts = converted.dts = round(begin / _MILLISECOND)
    converted.duration = round(length / _MILLISECOND)
    converted.stream = target
    return converted
