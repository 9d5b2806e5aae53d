"""Writes video with exact time stamps and colours and the audio of another file, atomically."""

from collections.abc import Mapping
from contextlib import ExitStack
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from faceswap.core.errors import MediaError
from faceswap.core.held_file import Signer
from faceswap.media.encoder_frames import DeepFrames, RgbFrames
from faceswap.media.encoders import VideoEncoding, encoder_options, find_encoder
from faceswap.media.frame import Image
from faceswap.media.movie_file import MovieFile, OtherContent, media_errors, seconds_of
from faceswap.media.muxers import find_muxer, stored_tick
from faceswap.media.picture import Picture
from faceswap.media.video import VideoInfo

_FIELD_ORDERS = {"": 0, "tff": 2, "bff": 3}  # as FFmpeg numbers them


class VideoWriter:
    """Writes a video with the time stamps and colours of another one.

    A context manager; ``path`` appears if the block succeeds and not at all otherwise. Frames are
    written upright, without a rotation flag. MP4 and MOV keep every time stamp exactly; Matroska,
    WebM and FLV round to milliseconds, transport streams to 1/90000 s, AVI to its frame rate, or to
    milliseconds where that varies. Odd sizes are kept; with H.264 and H.265 they need 4:4:4, which
    some hardware players do not support.

    Args:
        path: Destination, with a suffix of ``muxers.MUXERS``.
        info: Metadata of the original video (``probe``), or ``VideoInfo.for_new``.
        encoding: Encoder and its settings; None for the defaults of the container.
        metadata: Tags of the file; MP4 and MOV also keep non-standard keys.
        audio_from: File whose audio is copied; None for a video without audio.
        with_extras: Whether subtitles, chapters, tags, timecode and attachments of that file are
            copied too, as far as the container can hold them.
        full_depth: Whether pictures are written in the pixel format, range and fields of the
            original video, or the nearest that the encoder has, with a note. Without it, video is
            progressive, and 8-bit 4:2:0 where the encoder can.
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
        full_depth: bool = False,
        sign: Signer | None = None,
    ) -> None:
        self.path = path
        self.info = info
        self.notes: list[str] = []
        self._muxer = find_muxer(path)
        self._encoding = encoding or VideoEncoding()
        self._encoder = self._encoding.name(self._muxer.encoder)
        self._make_frames = DeepFrames if full_depth else RgbFrames
        self._file = MovieFile(
            path,
            time_base=info.time_base,
            content=OtherContent(metadata or {}, audio_from, with_extras),
            sign=sign,
        )
        self._frames = 0
        self._latest = Fraction(0)  # time of the latest frame in seconds
        self._frame_duration = 0
        self._delay = Fraction(0)  # of decoding time stamps behind the others, in seconds
        self._waiting: Packet | None = None
        self._duration = max(1, round(1 / (info.fps * info.time_base)))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self._file)
            self._stream = self._add_video()
            self._file.begin(
                self._stream,
                f"The encoder {self._encoder!r} cannot be started for"
                f" {self.info.width} x {self.info.height} pixels",
            )
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
        self.notes += [*self._frame_of.notes, *self._file.notes]

    def write(self, pixels: Picture | Image, pts: int, duration: int = 0) -> None:
        """Writes the next frame.

        Args:
            pixels: Picture, or ``(H, W, 3) uint8`` RGB, of the size of ``info``.
            pts: Time stamp in units of ``info.time_base``, greater than the previous one.
            duration: Duration in the same units, which counts for the last frame; 0 for that of the
                average frame.
        """
        size = pixels.shape[:2] if isinstance(pixels, np.ndarray) else (pixels.height, pixels.width)
        if size != (self.info.height, self.info.width):
            raise ValueError(f"expected {self.info.height} x {self.info.width}, got {size}")
        frame = self._frame_of(pixels)
        frame.pts, frame.time_base = pts, self.info.time_base
        frame.duration = self._frame_duration = duration or self._duration
        self._latest = pts * self.info.time_base
        self._frames += 1
        with media_errors(f"Frame {self._frames} cannot be written to {self.path}"):
            self._mux(self._stream.encode(frame))

    def _add_video(self) -> VideoStream:
        info, name = self.info, self._encoder
        codecs = self._muxer.codecs or self._file.output.supported_codecs
        settings = find_encoder(name, codecs)
        frames = self._frame_of = self._make_frames(
            info, name, settings, self._encoding.pixel_format
        )
        pixel_format, colour = frames.pixel_format, frames.colour
        options = frames.options | encoder_options(name, settings, self._encoding, pixel_format)
        if self._muxer.stamps == "ticks":
            options["bf"] = "0"
        self._add_light(options)
        stream = self._file.output.add_stream(name, rate=info.fps, options=options)
        assert isinstance(stream, VideoStream)
        context = stream.codec_context
        context.width, context.height, context.pix_fmt = info.width, info.height, pixel_format
        context.time_base = stream.time_base = stored_tick(
            self._muxer, info, constant=settings.constant_rate
        )
        context.sample_aspect_ratio = info.pixel_aspect
        context.colorspace, context.color_range = colour.matrix, colour.range
        context.color_primaries, context.color_trc = colour.primaries, colour.transfer
        context.field_order = _FIELD_ORDERS[frames.fields]
        context.thread_type = "AUTO"
        if settings.tag and self._muxer.iso:
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

    def _mux(self, packets: list[Packet], *, complete: bool = False) -> None:
        for packet in packets:
            if complete and self._frames < 3:
                # x265 does not set the decoding time stamps of such short videos.
                packet.dts = packet.pts
            if seconds_of(packet.pts, packet) == self._latest:
                packet.duration = round(
                    self._frame_duration * self.info.time_base / packet.time_base
                )
            if self._waiting is None:
                self._delay = seconds_of(packet.pts, packet) - seconds_of(packet.dts, packet)
            else:
                self._file.mux(self._waiting)
            self._waiting = packet

    def _finish(self) -> None:
        if not self._frames:
            raise MediaError(f"Expected at least one frame for {self.path}, found none.")
        with media_errors(f"{self.path} cannot be completed"):
            self._mux(self._stream.encode(None), complete=True)
            if self._waiting is not None:
                end = self._latest + self._frame_duration * self.info.time_base
                self._file.mux_last(self._waiting, self._latest, end, self._delay)
