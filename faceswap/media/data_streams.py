"""Data streams of a video file: telemetry of cameras, metadata of broadcasts and drones."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from av.container import InputContainer
from av.stream import DataStream

from faceswap.core.text import counted, one_line

_GOPRO = "GoPro MET"
_ISO = "mov,mp4"  # FFmpeg's names of the demuxer begin with it
_UNNAMED = "bin_data"  # FFmpeg's name of every data codec that it does not know


def timecode_of(tags: Mapping[str, str]) -> str:
    """The timecode among the tags of a stream or file; empty if there is none."""
    return next((text for name, text in tags.items() if name.lower() == "timecode"), "")


def data_streams(container: InputContainer) -> list[DataStream]:
    """Data streams that are neither timecode nor the chapters of MP4, which are copied as such."""
    chapters = bool(container.chapters())
    return [
        stream
        for stream in container.streams.data
        if not timecode_of(stream.metadata)
        and not (chapters and stream.name == _UNNAMED and not _is_telemetry(stream))
    ]


def keeps_meaning(stream: DataStream) -> bool:
    """Whether a copy is declared as what it is.

    The muxer of MP4 declares every unnamed stream as the telemetry of a GoPro camera (GPMF).
    """
    iso = stream.container.format.name.startswith(_ISO)
    return stream.name != _UNNAMED or not iso or _is_telemetry(stream)


def dropped_data(streams: Sequence[DataStream]) -> Iterator[str]:
    """One line about data streams that are dropped, if there are any."""
    names = Counter(
        one_line(stream.metadata.get("handler_name") or stream.name or "unknown", longest=40)
        for stream in streams
    )
    if names:
        were = "was" if len(streams) == 1 else "were"
        yield (
            f"{counted(len(streams), 'data stream')} ({', '.join(sorted(names))}) {were} dropped"
        )


def _is_telemetry(stream: DataStream) -> bool:
    return stream.metadata.get("handler_name", "").strip() == _GOPRO
