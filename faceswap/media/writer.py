"""Writes video with exact time stamps and colours and the audio of another file, atomically."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
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
from faceswap.media.colour import YuvConverter
from faceswap.media.encoders import (
    DEFAULT_ENCODER,
    VideoEncoding,
    choose_pixel_format,
    encoder_options,
    find_encoder,
)
from faceswap.media.extras import copy_extras
from faceswap.media.frame import Image
from faceswap.media.video import VideoInfo

_BUFFER = 1 << 18  # bytes


class VideoWriter:
    """Writes a video with the time stamps and colours of another one.

    A context manager; ``path`` appears if the block succeeds and not at all otherwise. Frames are
    written upright, without a rotation flag. MP4 and MOV keep every time stamp exactly; Matroska
    and WebM round to milliseconds. Odd sizes are kept; with H.264 and H.265 they need 4:4:4, which
    some hardware players do not support.

    Args:
        path: Destination, ``.mp4``, ``.m4v``, ``.mov``, ``.mkv`` or ``.webm``.
        info: Metadata of the original video (``probe``), or ``VideoInfo.for_new``.
        encoding: Encoder and its settings; None for the defaults of the container.
        metadata: Tags of the file; MP4 and MOV also keep non-standard keys.
        audio_from: File whose audio is copied; None for a video without audio.
        with_extras: Whether subtitles, chapters, tags, timecode and attachments of that file are
            copied too, as far as the container can hold them.
        sign: Callback that signs the complete temporary file before it is renamed; if it raises,
            no file is left. Until then no program can open the file.

    Attributes:
        notes: Messages for the user about what was changed or dropped, complete after the block.

    Raises:
        MediaError: Unknown suffix or encoder, or options that the encoder rejects.
        StorageFullError: The disk is full; nothing is left at ``path``.
    """

    def __init__(
        self,
        path: Path,
        info: VideoInfo,
        *,
        encoding: VideoEncoding | None = None,
        metadata: Mapping[str, str] | None = None,
        audio_from: Path | None = None,
        with_extras: bool = False,
        sign: Signer | None = None,
    ) -> None:
        suffix = path.suffix.lower()
        if suffix not in DEFAULT_ENCODER:
            raise MediaError(
                f"Video cannot be written as {suffix or path.name!r}.",
                f"Use one of {', '.join(DEFAULT_ENCODER)}.",
            )
        self.path = path
        self.info = info
        self.notes: list[str] = []
        self._suffix = suffix
        self._encoding = encoding or VideoEncoding()
        self._encoder = self._encoding.encoder or DEFAULT_ENCODER[suffix]
        self._metadata = dict(metadata or {})
        self._audio_from = audio_from
        self._with_extras = with_extras
        self._sign = sign
        self._frames = 0
        self._latest = Fraction(0)  # time of the latest frame in seconds
        self._frame_duration = 0
        self._delay = Fraction(0)  # of decoding time stamps behind the others, in seconds
        self._waiting: Packet | None = None
        self._duration = max(1, round(1 / (info.fps * info.time_base)))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            file = stack.enter_context(signed_path(self.path, self._sign))
            self._output = stack.enter_context(_create(file, self._muxer_options()))
            self._output.metadata.update(self._metadata)
            self._stream = self._add_video()
            self._audio: AudioFeed | None = None
            if self._audio_from is not None:
                self._audio = AudioFeed(
                    self._audio_from, self._output, self._suffix, subtitles=self._with_extras
                )
                stack.callback(self._audio.close)
                if self._with_extras:
                    self.notes += copy_extras(
                        self._audio.input, self._audio_from, self._output, self._stream
                    )
            self._begin()
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
        with self._stack:
            self._finish()

    def write(self, image: Image, pts: int, duration: int = 0) -> None:
        """Writes the next frame.

        Args:
            image: Image, ``(H, W, 3) uint8`` RGB of the size of ``info``.
            pts: Time stamp in units of ``info.time_base``, greater than the previous one.
            duration: Duration in the same units, which counts for the last frame; 0 for that of the
                average frame.
        """
        if image.shape != (self.info.height, self.info.width, 3):
            raise ValueError(
                f"expected {self.info.height} x {self.info.width} x 3, got {image.shape}"
            )
        frame = self._convert(image)
        frame.pts, frame.time_base = pts, self.info.time_base
        frame.duration = self._frame_duration = duration or self._duration
        self._latest = pts * self.info.time_base
        self._frames += 1
        with _as_media_error(f"Frame {self._frames} cannot be written to {self.path}"):
            self._mux(self._stream.encode(frame))

    def _muxer_options(self) -> dict[str, str]:
        if self._suffix not in (".mp4", ".m4v", ".mov"):
            return {}
        scale = str(self.info.time_base.denominator)
        flags = "+faststart+use_metadata_tags" if self._metadata else "+faststart"
        # The movie time scale measures the start of the video; the default is milliseconds.
        return {"movflags": flags, "video_track_timescale": scale, "movie_timescale": scale}

    def _add_video(self) -> VideoStream:
        info, name = self.info, self._encoder
        settings = find_encoder(name, self._output.supported_codecs)
        pixel_format = self._encoding.pixel_format or choose_pixel_format(
            name, info.width, info.height, even=settings.even
        )
        stored = info.orientation.size(info.width, info.height)
        upright = (info.width, info.height)
        colour = info.colour.for_upright(stored, upright, info.pixel_format)
        self._convert = YuvConverter(info.width, info.height, colour, pixel_format)
        options = encoder_options(name, settings, self._encoding)
        options.setdefault("chroma_sample_location", "left")
        self._add_light(options)
        stream = self._output.add_stream(name, rate=info.fps, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, pixel_format
        context.time_base = stream.time_base = info.time_base
        context.sample_aspect_ratio = info.pixel_aspect
        context.colorspace, context.color_range = colour.matrix, colour.range
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        context.thread_type = "AUTO"
        if settings.tag and self._suffix != ".mkv":
            context.codec_tag = settings.tag
        return stream

    def _add_light(self, options: dict[str, str]) -> None:
        if self.info.light is None:
            return
        added = self.info.light.encoder_options(self._encoder)
        if added is None:
            self.notes.append(f"HDR light metadata was dropped: {self._encoder} cannot write it")
            return
        for name, text in added.items():
            options[name] = f"{options[name]}:{text}" if name in options else text

    def _begin(self) -> None:
        with _as_media_error(
            f"The encoder {self._encoder!r} cannot be started for"
            f" {self.info.width} x {self.info.height} pixels"
        ):
            self._output.start_encoding()

    def _mux(self, packets: list[Packet]) -> None:
        for packet in packets:
            if self._frames < 3:
                # x265 does not set the decoding time stamps of such short videos.
                packet.dts = packet.pts
            if self._audio is not None and packet.dts is not None:
                self._audio.advance(float(packet.dts * packet.time_base))
            if _seconds(packet.pts, packet) == self._latest:
                packet.duration = round(
                    self._frame_duration * self.info.time_base / packet.time_base
                )
            if self._waiting is None:
                self._delay = _seconds(packet.pts, packet) - _seconds(packet.dts, packet)
            else:
                self._output.mux(self._waiting)
            self._waiting = packet

    def _mux_last(self, packet: Packet) -> None:
        """Writes the last packet, which lasts until the end of the last frame.

        Encoders need not keep durations. With reordering it may be the packet of an earlier frame;
        decoding time stamps lag behind the others by a constant delay, on average.
        """
        begin = _seconds(packet.pts, packet)
        if packet.dts is not None:
            decoded = max(begin, _seconds(packet.dts, packet) + self._delay)
            packet.dts = round((decoded - self._delay) / packet.time_base)
            begin = begin if begin == self._latest else decoded
        end = self._latest + self._frame_duration * self.info.time_base
        packet.duration = max(1, round((end - begin) / packet.time_base))
        self._output.mux(packet)

    def _finish(self) -> None:
        if not self._frames:
            raise MediaError(f"Expected at least one frame for {self.path}, found none.")
        with _as_media_error(f"{self.path} cannot be completed"):
            self._mux(self._stream.encode(None))
            if self._waiting is not None:
                self._mux_last(self._waiting)
            if self._audio is not None:
                self._audio.finish()
                self.notes.extend(self._audio.notes)


def _seconds(stamp: int | None, packet: Packet) -> Fraction:
    return (stamp or 0) * packet.time_base


@contextmanager
def _create(file: HeldFile, options: dict[str, str]) -> Iterator[OutputContainer]:
    # The MP4 muxer reads the file again to move the index to the front.
    output = av.open(
        file,
        "w",
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
def _as_media_error(problem: str) -> Iterator[None]:
    try:
        yield
    except FFmpegError as error:
        # System errors (disk full, no permission) are handled as OSError.
        if isinstance(error, OSError):
            raise
        raise MediaError(
            f"{problem}: {error.strerror}.", "Check the encoder's options, or use libx264."
        ) from error
