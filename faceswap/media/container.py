"""Opens media files for reading."""

from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard, Disposition, Stream
from av.video.stream import VideoStream

from faceswap.core.errors import MediaError


def open_media(path: Path) -> InputContainer:
    """Opens a video or audio file.

    Raises:
        MediaError: There is no such file, or it is not media that can be opened.
    """
    if not path.exists():
        raise MediaError(f"There is no file {path}.", "Check the path.")
    if not path.is_file():
        raise MediaError(f"{path} is not a file.", "Give a video file.")
    try:
        # The prefix keeps a file name with a colon from being read as a network address.
        return av.open(f"file:{path}", metadata_errors="replace")
    except FFmpegError as error:
        raise MediaError(f"{path} cannot be read as a video.", _hint(path, error)) from error


def _hint(path: Path, error: FFmpegError) -> str:
    if isinstance(error, PermissionError):
        return "No permission to read the file: change its permissions."
    if path.stat().st_size == 0:
        return "The file is empty: copy or download it again."
    with path.open("rb") as file:
        if file.read(12)[4:8] == b"ftyp":
            return (
                "The index of the file is missing or damaged: the file was truncated, or the "
                "recording was not finished. Copy or download it again."
            )
    return "The file is damaged or not a video; its suffix is ignored. Copy it again."


def video_stream(container: InputContainer, path: Path) -> VideoStream:
    """First video stream that is not a cover picture.

    Raises:
        MediaError: There is no such stream.
    """
    for stream in container.streams.video:
        # A stream of an unknown codec has no context at all.
        if not stream.disposition & Disposition.attached_pic and stream.codec_context is not None:
            return stream
    kinds = sorted({stream.type for stream in container.streams})
    raise MediaError(
        f"Expected a video stream in {path}, found {', '.join(kinds) or 'no streams'}.",
        "Give a file with a video stream of a supported codec.",
    )


def keep_only(container: InputContainer, *streams: Stream) -> None:
    """Makes the demuxer skip all other streams, which saves reading them."""
    for stream in container.streams:
        if stream not in streams:
            stream.discard = Discard.all


def frame_rate(stream: VideoStream) -> Fraction:
    """Average frames per second; 25 if a stream (of one picture, for example) has none."""
    return stream.average_rate or stream.guessed_rate or Fraction(25)
