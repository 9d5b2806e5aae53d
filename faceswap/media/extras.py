"""What a video file contains besides pictures, sound and subtitles."""

from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from av.container import InputContainer, OutputContainer
from av.stream import Disposition
from av.video.stream import VideoStream

from faceswap.media.clock import time_origin
from faceswap.media.container import video_stream

# Facts about the old file, which the muxer writes anew.
_STRUCTURAL = ("major_brand", "minor_version", "compatible_brands", "encoder", "duration")
_STATISTICS = ("_statistics", "bps", "number_of_frames", "number_of_bytes")
_MATROSKA = ("matroska", "webm")


def copy_extras(
    source: InputContainer, path: Path, output: OutputContainer, target: VideoStream
) -> list[str]:
    """Copies tags, chapters, timecode and attachments of a file, before the header is written.

    Args:
        source: File that is converted.
        path: Path of that file.
        output: Container that is written.
        target: Video stream of the output.

    Returns:
        One line for each kind of content that the output does not have.
    """
    pictures = video_stream(source, path)
    lines = list(_copy_tags(source, output))
    for name in ("title", "language"):
        if name in pictures.metadata:
            target.metadata[name] = pictures.metadata[name]
    output.set_chapters(_chapters(source))
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


def _chapters(source: InputContainer) -> list:
    origin = time_origin(source)
    chapters = []
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1)
        ticks = round(origin / base)
        if chapter["end"] > ticks:
            begin, end = max(0, chapter["start"] - ticks), chapter["end"] - ticks
            chapters.append({**chapter, "start": begin, "end": end})
    return chapters


def _copy_timecode(
    source: InputContainer,
    pictures: VideoStream,
    output: OutputContainer,
    target: VideoStream,
) -> Iterator[str]:
    found = [stream.metadata.get("timecode", "") for stream in (pictures, *source.streams.data)]
    timecode = next(filter(None, [*found, source.metadata.get("timecode", "")]), "")
    if not timecode:
        return
    output.metadata.pop("timecode", None)
    target.metadata["timecode"] = timecode
    if output.format.name not in ("mov", "mp4"):
        yield f"the timecode track was dropped; {timecode} is kept as a tag"


def _copy_attachments(source: InputContainer, output: OutputContainer) -> int:
    """Copies fonts and the like; returns how many the container cannot hold."""
    if not output.format.name.startswith(_MATROSKA[0]):
        return len(source.streams.attachments)
    for stream in source.streams.attachments:
        output.add_stream_from_template(stream)
    return 0


def _dropped(source: InputContainer, attachments: int) -> Iterator[str]:
    covers = sum(bool(s.disposition & Disposition.attached_pic) for s in source.streams.video)
    if covers:
        yield f"{_number(covers, 'cover picture')} dropped"
    if attachments:
        yield f"{_number(attachments, 'attachment')} dropped"
    chapters = bool(source.chapters())
    kinds = Counter(
        str(stream.metadata.get("handler_name") or stream.name or "unknown")
        for stream in source.streams.data
        # Chapters of MP4 have a stream of their own, and so has the timecode.
        if "timecode" not in stream.metadata and not (chapters and stream.name == "bin_data")
    )
    if kinds:
        names = ", ".join(sorted(kinds))
        yield f"{_number(kinds.total(), 'data stream')} ({names}) dropped"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun} was" if count == 1 else f"{count} {noun}s were"
