"""Reads video: metadata of a file, and its frames upright and in exact 8-bit RGB."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap.core.errors import MediaError
from faceswap.media.clock import PictureClock
from faceswap.media.colour import ColourTags, RgbConverter
from faceswap.media.container import (
    choice_note,
    frame_rate,
    keep_only,
    known_ratio,
    open_media,
    picture_time_base,
    video_stream,
)
from faceswap.media.frame import Frame
from faceswap.media.light import LightMetadata
from faceswap.media.orientation import Orientation
from faceswap.media.picture_losses import PictureLosses
from faceswap.media.timeline import (
    Damage,
    PictureOrder,
    count_before,
    find_seek_point,
    has_presentation_stamps,
    is_incomplete,
    is_picture,
)


@dataclass(frozen=True)
class VideoInfo:
    """Metadata of a video file.

    Attributes:
        path: Video file.
        width: Width in pixels of the upright picture.
        height: Height in pixels of the upright picture.
        fps: Average frames per second.
        frames: Number of frames, from the header or estimated from the duration.
        duration: Duration in seconds; 0 if unknown.
        orientation: Transformation of stored pictures into upright ones.
        time_base: Seconds per unit of ``Frame.pts``.
        audio_streams: Number of audio streams.
        colour: Colour tags of the stream.
        pixel_aspect: Width over height of one pixel of the upright picture.
        pixel_format: FFmpeg's name of the stored pixel format.
        codec: FFmpeg's name of the codec.
        light: Light metadata of HDR video, if it has any.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int
    duration: float
    orientation: Orientation
    time_base: Fraction
    audio_streams: int
    colour: ColourTags
    pixel_aspect: Fraction
    pixel_format: str
    codec: str
    light: LightMetadata | None = None

    @classmethod
    def for_new(cls, width: int, height: int, fps: Fraction | int) -> "VideoInfo":
        """Metadata of a new video: BT.709, time stamps are frame indices."""
        return cls(
            path=Path(),
            width=width,
            height=height,
            fps=Fraction(fps),
            frames=0,
            duration=0.0,
            orientation=Orientation(),
            time_base=1 / Fraction(fps),
            audio_streams=0,
            colour=ColourTags(matrix=1, range=1, primaries=1, transfer=1),
            pixel_aspect=Fraction(1),
            pixel_format="yuv420p",
            codec="",
        )

    @property
    def display_aspect(self) -> float:
        """Pixel aspect for ``Frame``; 1 if the file claims one that no camera or disc has."""
        return float(self.pixel_aspect) if 1 / 4 <= self.pixel_aspect <= 4 else 1.0

    @property
    def rotation(self) -> int:
        """Clockwise rotation in degrees, a multiple of 90, that makes stored pictures upright."""
        return self.orientation.rotation


def probe(path: Path) -> VideoInfo:
    """Reads the header and the first frame of a video.

    Raises:
        MediaError: The file does not exist, is not a video, or no frame can be decoded.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        frame = next(decode(container, stream, PictureOrder(), Damage()), None)
        if frame is None:
            raise MediaError(
                f"No frame of {path} can be decoded.", "The file is damaged: copy it again."
            )
        return _describe(path, container, stream, frame)


def _describe(
    path: Path, container: InputContainer, stream: VideoStream, frame: VideoFrame
) -> VideoInfo:
    orientation = Orientation.of_frame(frame)
    width, height = orientation.size(frame.width, frame.height)
    fps = frame_rate(stream)
    duration = 0.0
    if stream.duration is not None and stream.time_base:
        duration = float(stream.duration * stream.time_base)
    elif container.duration is not None:
        duration = container.duration / 1_000_000
    aspect = known_ratio(stream.sample_aspect_ratio) or Fraction(1)
    return VideoInfo(
        path=path,
        width=width,
        height=height,
        fps=fps,
        frames=stream.frames or max(1, round(duration * fps)),
        duration=duration,
        orientation=orientation,
        time_base=picture_time_base(stream),
        audio_streams=len(container.streams.audio),
        colour=ColourTags.of_frame(frame),
        pixel_aspect=1 / aspect if orientation.transpose else aspect,
        pixel_format=frame.format.name,
        codec=stream.codec_context.name,
        light=LightMetadata.of_frame(frame),
    )


def frame_at(path: Path, seconds: Fraction) -> int:
    """Index of the first frame at or after a time; the number of frames if there is none.

    Args:
        path: Video file.
        seconds: Seconds from the beginning.

    Raises:
        MediaError: The file does not exist, is not a video, or no frame can be decoded.
    """
    pts = math.ceil(seconds / probe(path).time_base)
    index = count_before(path, pts)
    if index is not None:
        return index
    passed = 0
    for frame in VideoReader(path):
        if frame.pts >= pts:
            return frame.index
        passed = frame.index + 1
    return passed


class VideoReader:
    """Iterates over the frames of a video in presentation order.

    Frames are upright, with the time stamps of the file, converted to 8-bit RGB with the matrix and
    range of the stream: streams with 10 or 12 bits lose the additional bits, and HDR is not tone
    mapped. Time begins at 0 where the file begins, and continues where its clock is set back or
    leaps forward, as in joined recordings. Of several video streams the default one is read, or the
    largest. All decodable frames of a damaged file are returned; ``damage`` describes the others
    after the iteration. Each iteration opens the file again; memory use is constant.

    Args:
        path: Video file.
        start: Index of the first frame. The reader seeks to the last key frame before it if the
            time stamps identify it with certainty, and decodes from the beginning otherwise; the
            frames are the same either way.

    Attributes:
        damage: Description of what could not be read, after the iteration; None if undamaged.
        notes: Lines about how the file was read, after the iteration.
        losses: Lines about what the frames lack of the video, after the iteration.

    Raises:
        MediaError: The file does not exist, is not a video, or no frame can be decoded.
    """

    def __init__(self, path: Path, start: int = 0) -> None:
        self.info = probe(path)
        self.damage: str | None = None
        self.notes: list[str] = []
        self.losses: list[str] = []
        self._start = start

    @property
    def total(self) -> int:
        """Number of frames of the whole video according to its header."""
        return self.info.frames

    def __iter__(self) -> Iterator[Frame]:
        path, info = self.info.path, self.info
        self.damage = None
        point = find_seek_point(path, self._start) if self._start else None
        with open_media(path) as container:
            stream = video_stream(container, path)
            keep_only(container, stream)
            stream.thread_type = "AUTO"
            if point is None:
                order = PictureOrder(stamped=has_presentation_stamps(container))
                damage = Damage.expecting(stream)
            else:
                container.seek(point.seek, stream=stream, backward=True)
                order = PictureOrder(first=point.pts, passed=self._start)
                damage = Damage.expecting(stream, point.skipped)
            losses = PictureLosses(stream)
            stored = info.orientation.size(info.width, info.height)
            convert = RgbConverter(*stored, info.colour)
            try:
                for index, pts, picture in self._stamped(container, stream, order, damage):
                    losses.watch(picture)
                    image = info.orientation.apply(convert(picture))
                    time, duration = float(pts * info.time_base), picture.duration or 0
                    yield Frame(
                        index,
                        pts,
                        time,
                        image,
                        duration=duration,
                        pixel_aspect=info.display_aspect,
                    )
            finally:  # also where only the beginning is read
                self.losses = losses.in_conversion()
            notes = choice_note(container, stream), damage.jumps_text(), losses.interlacing()
        self.damage = damage.text()
        self.notes = [note for note in notes if note]

    def _stamped(
        self,
        container: InputContainer,
        stream: VideoStream,
        order: PictureOrder,
        damage: Damage,
    ) -> Iterator[tuple[int, int, VideoFrame]]:
        """Yields index, pts and picture from ``start`` on, and records damage."""
        info = self.info
        step = max(1, round(1 / (info.fps * info.time_base)))
        last: int | None = None
        for picture in decode(container, stream, order, damage):
            index = order.place(picture.pts)
            if index is None:
                continue
            guess = index * step if last is None else last + step
            stamp = order.stamp(picture.pts)
            pts = guess if stamp is None else stamp
            if last is not None and (last - pts) * info.time_base > 1:
                damage.clock_reset = True
            # Encoders and muxers need strictly increasing time stamps.
            last = pts if last is None else max(pts, last + 1)
            damage.faulty += picture.is_corrupt
            damage.end = float((last + step) * info.time_base)
            if index >= self._start:
                yield index, last, picture
        order.finish()
        damage.missing, damage.total = order.missing, order.total


def decode(
    container: InputContainer, stream: VideoStream, order: PictureOrder, damage: Damage
) -> Iterator[VideoFrame]:
    """Yields all decodable pictures in presentation order; continues after errors."""
    codec = stream.codec_context.name
    clock = PictureClock(container, stream)
    packets = clock.continued(container.demux(stream))
    while packet := _next_packet(packets, damage):
        # An empty packet (a dropped frame) would flush the decoder.
        if not packet.size:
            continue
        if is_picture(packet, codec):
            order.add(packet)
        else:
            damage.skipped += packet.is_discard
        if not is_incomplete(packet):
            yield from _decode_packet(stream, packet)
    damage.jumps = len(clock.jumps)
    yield from _decode_packet(stream, None)


def _next_packet(packets: Iterator[Packet], damage: Damage) -> Packet | None:
    try:
        return next(packets, None)
    except FFmpegError as error:
        damage.failure = error.strerror or str(error)
        return None


def _decode_packet(stream: VideoStream, packet: Packet | None) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except FFmpegError:
        # The time stamp of the packet, already recorded, shows that a picture is missing.
        return []
