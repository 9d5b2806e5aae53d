"""What a video file contains besides pictures, sound and subtitles."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from faceswap.core.text import counted, one_line
from faceswap.media.clock import time_origin
from faceswap.media.container import valid_tags, video_stream
from faceswap.media.data_streams import timecode_of
from faceswap.media.kept_spans import KeptSpan, kept_interval

if TYPE_CHECKING:
    from av.container.core import Chapter  # known to type checkers only

# Facts about the old file, which the muxer writes anew.
_STRUCTURAL = (
    "major_brand",
    "minor_version",
    "compatible_brands",
    "encoder",
    "duration",
    "timecode",
)
_STATISTICS = ("_statistics", "bps", "number_of_frames", "number_of_bytes")
_TIMECODE = re.compile(r"[0-2]\d:[0-5]\d:[0-5]\d[:;.]\d\d", re.ASCII)
# Frame rates of timecodes that skip numbers.
_DROPPING = (Fraction(30000, 1001), Fraction(60000, 1001))


def copy_extras(
    source: InputContainer,
    path: Path,
    output: OutputContainer,
    target: VideoStream,
    kept: Sequence[KeptSpan] = (),
) -> list[str]:
    """Copies tags, chapters, timecode and attachments of a file, before the header is written.

    Args:
        source: File that is converted.
        path: Path of that file.
        output: Container that is written.
        target: Video stream of the output.
        kept: Spans of time that are kept, where others are cut out; empty for all.

    Returns:
        One line for each kind of content that the output does not have.
    """
    pictures = video_stream(source, path)
    lines = list(_copy_tags(source, output))
    for name in ("title", "language"):
        if name in pictures.metadata:
            target.metadata[name] = pictures.metadata[name]
    output.set_chapters(_chapters(source, kept))
    if not kept:  # it would be wrong after the first cut
        lines += _copy_timecode(source, pictures, output, target)
    return [*lines, *_dropped(source, _copy_attachments(source, output))]


def _copy_tags(source: InputContainer, output: OutputContainer) -> Iterator[str]:
    own = {name.lower() for name in output.metadata}
    for name, text in source.metadata.items():
        lower = name.lower()
        if lower in own:
            if lower == "comment":
                yield "the comment of the file was replaced"
        elif not lower.startswith((*_STRUCTURAL, *_STATISTICS)):
            # Matroska writes standard names in capitals, which MP4 would take for others.
            output.metadata[lower if name.isupper() else name] = text


def _chapters(source: InputContainer, kept: Sequence[KeptSpan]) -> "list[Chapter]":
    """Chapters on the clock that begins at 0, in order, none with the start of another."""
    origin = time_origin(source)
    chapters: dict[int, Chapter] = {}
    for chapter in source.chapters():
        base = chapter["time_base"]
        if base:
            ticks = round(origin / base)
            begin, end = max(0, chapter["start"] - ticks), chapter["end"] - ticks
            left = kept_interval(begin * base, end * base, kept)
            if left is not None and left[0] < left[1]:
                begin, end = (round(time / base) for time in left)
                moved: Chapter = {**chapter, "start": begin, "end": end}
                moved["metadata"] = valid_tags(chapter["metadata"])
                chapters.setdefault(round(begin * base * 1000), moved)
    ordered = [chapters[start] for start in sorted(chapters)]
    for number, chapter in enumerate(ordered, 1):
        chapter["id"] = number
    return ordered


def _copy_timecode(
    source: InputContainer,
    pictures: VideoStream,
    output: OutputContainer,
    target: VideoStream,
) -> Iterator[str]:
    places = (pictures.metadata, *(s.metadata for s in source.streams.data), source.metadata)
    timecode = next(filter(None, map(timecode_of, places)), "")
    if not timecode:
        return
    # Muxers refuse the whole file for a timecode that they cannot write.
    dropping = ";" in timecode or "." in timecode
    if not _TIMECODE.fullmatch(timecode) or (dropping and pictures.average_rate not in _DROPPING):
        yield f"the timecode ({one_line(timecode, longest=20)}) was dropped"
        return
    target.metadata["timecode"] = timecode
    if output.format.name not in ("mov", "mp4"):
        yield f"the timecode track was dropped; {timecode} is kept as a tag"


def _copy_attachments(source: InputContainer, output: OutputContainer) -> int:
    """Copies fonts and the like; returns how many the container cannot hold."""
    dropped = 0
    for stream in source.streams.attachments:
        if output.format.name == "matroska" and {"filename", "mimetype"} <= set(stream.metadata):
            output.add_stream_from_template(stream)
        else:
            dropped += 1
    return dropped


def _dropped(source: InputContainer, attachments: int) -> Iterator[str]:
    covers = sum(bool(s.disposition & Disposition.attached_pic) for s in source.streams.video)
    if covers:
        yield f"{_number(covers, 'cover picture')} dropped"
    if attachments:
        yield f"{_number(attachments, 'attachment')} dropped"


def _number(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'was' if count == 1 else 'were'}"
