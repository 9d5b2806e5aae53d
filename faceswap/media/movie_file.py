"""A video file while it is written: packets of pictures, and what another file has beside them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from faceswap.core.errors import MediaError
from faceswap.core.held_file import HeldFile, Signer, signed_path
from faceswap.media.audio import AudioFeed
from faceswap.media.extras import copy_extras
from faceswap.media.kept_spans import KeptSpan
from faceswap.media.muxers import find_muxer, muxer_options
from faceswap.media.other_audio import OtherAudio

_BUFFER = 1 << 18  # bytes


@dataclass(frozen=True)
class OtherContent:
    """What a video file holds besides its pictures.

    Attributes:
        metadata: Tags of the file; MP4 and MOV also keep non-standard keys.
        audio_from: File whose audio is copied; None for a video without audio.
        with_extras: Whether subtitles, chapters, tags, timecode and attachments of that file are
            copied too, as far as the container can hold them.
        other_audio: Audio instead of that of ``audio_from``; it is not stretched, and cut off at
            the end of the pictures. None keeps the audio.
        kept: Spans of ``audio_from`` that are kept, where others are cut out; empty for all of it.
    """

    metadata: Mapping[str, str] = field(default_factory=dict)
    audio_from: Path | None = None
    with_extras: bool = False
    other_audio: OtherAudio | None = None
    kept: Sequence[KeptSpan] = ()


class MovieFile:
    """Writes packets of pictures into a container, with audio and extras of another file.

    A context manager; ``path`` appears if the block succeeds and not at all otherwise. In the block
    a video stream is added to ``output``, ``begin`` is called with it, and then ``mux``.

    Args:
        path: Destination.
        time_base: Seconds per unit of the time stamps of the pictures.
        content: Audio, extras and tags of the file.
        sign: Callback that signs the complete temporary file before it is renamed; if it raises,
            no file is left. Until then no program can open the file.

    Attributes:
        output: The container, in the block.
        notes: Messages for the user about what was changed or dropped, complete after the block.

    Raises:
        MediaError: Video cannot be written in this format.
        StorageFullError: The disk is full; nothing is left at ``path``.
    """

    output: OutputContainer

    def __init__(
        self,
        path: Path,
        *,
        time_base: Fraction,
        content: OtherContent,
        sign: Signer | None = None,
    ) -> None:
        self.path = path
        self.notes: list[str] = []
        self._suffix = path.suffix.lower()
        self._muxer = find_muxer(path)
        self._time_base = time_base
        self._content = content
        self._sign = sign
        self._feeds: list[AudioFeed] = []
        self._end = Fraction(0)  # of the pictures in seconds

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            file = stack.enter_context(signed_path(self.path, self._sign))
            options = muxer_options(self._muxer, self._time_base, tags=bool(self._content.metadata))
            self.output = stack.enter_context(_create(file, self._muxer.name, options))
            self.output.metadata.update(self._content.metadata)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self._stack.__exit__(kind, error, trace)
            return
        with self._stack, media_errors(f"{self.path} cannot be completed"):
            for feed in self._feeds:
                own = feed.path == self._content.audio_from
                feed.finish(float("inf") if own else float(self._end))
                self.notes += feed.notes

    def begin(self, stream: VideoStream, problem: str) -> None:
        """Adds the streams of the other file behind that of the pictures, and writes the header.

        Args:
            stream: Stream of the pictures.
            problem: Message of the error when the file cannot be begun.
        """
        content, other = self._content, self._content.other_audio
        if content.audio_from is not None:
            feed = self._add_feed(
                content.audio_from,
                with_audio=other is None,
                with_extras=content.with_extras,
                kept=content.kept,
            )
            if content.with_extras:
                self.notes += copy_extras(feed.input, feed.path, self.output, stream, content.kept)
        if other is not None:
            self.notes.append(other.note)
            if other.file is not None:
                self._add_feed(other.file)
        with media_errors(problem):
            self.output.start_encoding()

    def _add_feed(
        self,
        path: Path,
        *,
        with_audio: bool = True,
        with_extras: bool = False,
        kept: Sequence[KeptSpan] = (),
    ) -> AudioFeed:
        feed = AudioFeed(
            path,
            self.output,
            self._suffix,
            with_audio=with_audio,
            with_extras=with_extras,
            kept=kept,
        )
        self._stack.callback(feed.close)
        self._feeds.append(feed)
        return feed

    def mux(self, packet: Packet) -> None:
        """Writes the next packet of the pictures, and the audio up to it."""
        if packet.dts is not None:
            for feed in self._feeds:
                feed.advance(float(packet.dts * packet.time_base))
        self.output.mux(packet)

    def mux_last(self, packet: Packet, latest: Fraction, end: Fraction, delay: Fraction) -> None:
        """Writes the last packet of the pictures, which lasts until the end of the last frame.

        Encoders need not keep durations. With reordering it may be the packet of an earlier frame;
        decoding time stamps lag behind the others by a constant delay, on average.

        Args:
            packet: The packet; its decoding time stamp and duration are changed.
            latest: Time of the last frame in seconds.
            end: End of the last frame in seconds.
            delay: Delay of the decoding time stamps in seconds.
        """
        self._end = end
        begin = seconds_of(packet.pts, packet)
        if packet.dts is not None:
            decoded = max(begin, seconds_of(packet.dts, packet) + delay)
            packet.dts = round((decoded - delay) / packet.time_base)
            begin = begin if begin == latest else decoded
        packet.duration = max(1, round((end - begin) / packet.time_base))
        self.output.mux(packet)


def seconds_of(stamp: int | None, packet: Packet) -> Fraction:
    """A time stamp of a packet in seconds; 0 if it has none."""
    return (stamp or 0) * packet.time_base


@contextmanager
def _create(file: HeldFile, muxer: str, options: dict[str, str]) -> Iterator[OutputContainer]:
    # The MP4 muxer reads the file again to move the index to the front.
    output = av.open(
        file,
        "w",
        format=muxer,
        container_options=options,
        buffer_size=_BUFFER,
        io_open=lambda *_: file.second_reader(),
    )
    try:
        yield output
    except BaseException:
        # The file is discarded: further errors from closing it add nothing.
        with suppress(Exception):
            output.close()
        raise
    output.close()


@contextmanager
def media_errors(problem: str) -> Iterator[None]:
    """Converts errors of FFmpeg to ``MediaError``; system errors (disk full) pass."""
    try:
        yield
    except FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise MediaError(
            f"{problem}: {error.strerror}.", "Check the encoder's options, or use libx264."
        ) from error
