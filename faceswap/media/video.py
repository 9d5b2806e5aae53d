"""Reads video: metadata of a file, and its frames, upright, at full depth or in 8-bit RGB."""

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

from av import VideoFrame
from av.container import InputContainer
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
    packets_of,
    picture_time_base,
    video_stream,
)
from faceswap.media.filters import DEINTERLACE, chroma_place, fields_of, filtered
from faceswap.media.frame import Frame, Image
from faceswap.media.light import LightMetadata
from faceswap.media.orientation import Orientation
from faceswap.media.picture_decoding import decode
from faceswap.media.picture_losses import PictureLosses
from faceswap.media.seek_points import (
    InexactSeekError,
    SeekPoint,
    count_before,
    find_seek_point,
    placed,
)
from faceswap.media.timeline import Damage, PictureOrder, has_presentation_stamps
from faceswap.media.upright import UprightPictures
from faceswap.media.video_info import VideoInfo


def probe(path: Path) -> VideoInfo:
    """Reads the header and the first frame of a video.

    Raises:
        MediaError: The file does not exist, is not a video, or no frame can be decoded.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        packets = PictureClock(container, stream).continued(packets_of(container, stream))
        frame = next(decode(packets, stream, PictureOrder(), Damage()), None)
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
        chroma=chroma_place(frame),
        fields=fields_of(frame),
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

    Frames are upright, with the time stamps of the file. They are pictures at full depth, or 8-bit
    RGB by the matrix and range of the stream: then 10 or 12 bits lose the additional ones. HDR is
    not tone mapped. Time begins at 0 where the file begins, and continues where its clock is set
    back or leaps forward, as in joined recordings. Of several video streams the default one is
    read, or the largest. All decodable frames of a damaged file are returned; ``damage`` describes
    the others after the iteration. Each iteration opens the file again; memory use is constant.

    Args:
        path: Video file.
        start: Index of the first frame. The reader seeks to a key frame before it if time stamps
            and positions in the file identify it with certainty and all pictures from there to that
            frame are sound, and decodes from the beginning otherwise. The frames are the same
            either way; only pixels of frames whose data are damaged, and of those predicted from
            them, may differ with ``start`` and with the number of CPU cores: decoders fill gaps
            with what their memory holds.
        full_depth: Whether frames are pictures at full depth.
        deinterlace: Whether the frames of interlaced video are deinterlaced. The first one that is
            read has no predecessor to compare with, and may differ a little by ``start``.

    Attributes:
        info: Metadata of the video, as it is read.
        damage: Description of what could not be read, after the iteration; None if undamaged.
            Frames before ``start`` are included where they had to be decoded.
        inexact: Whether seeking did not reach a key frame before ``start``, or frames decoded from
            it would not have been the same, so that the file was decoded from the beginning.
        notes: Lines about how the file was read, after the iteration.
        losses: Lines about what the frames lack of the video, after the iteration.

    Raises:
        MediaError: The file does not exist, is not a video, or no frame can be decoded.
    """

    def __init__(
        self, path: Path, start: int = 0, *, full_depth: bool = False, deinterlace: bool = False
    ) -> None:
        info = probe(path)
        self._deinterlace = deinterlace and bool(info.fields)
        self.info = replace(info, fields="") if self._deinterlace else info
        self.damage: str | None = None
        self.inexact = False
        self.notes: list[str] = []
        self.losses: list[str] = []
        self._start = start
        self._full_depth = full_depth
        self._watched: PictureLosses | None = None

    @property
    def total(self) -> int:
        """Number of frames of the whole video according to its header."""
        return self.info.frames

    def remarks(self) -> list[str]:
        """Lines about the pictures that were read so far: interlacing, and what frames lack."""
        watched = self._watched
        if watched is None:
            return []
        return [*filter(None, [watched.interlacing()]), *watched.in_conversion()]

    def __iter__(self) -> Iterator[Frame]:
        point = find_seek_point(self.info.path, self._start) if self._start else None
        self.inexact = False
        try:
            yield from self._frames(point)
        except InexactSeekError:  # before the first frame
            self.inexact = True
        if self.inexact:
            yield from self._frames(None)

    def _frames(self, point: SeekPoint | None) -> Iterator[Frame]:
        """Yields the frames, decoded from a seek point or from the beginning."""
        info, self.damage = self.info, None
        with open_media(info.path) as container:
            stream = video_stream(container, info.path)
            keep_only(container, stream)
            stream.thread_type = "AUTO"
            clock = PictureClock(container, stream)
            order = PictureOrder(stamped=has_presentation_stamps(container))
            packets, skipped = packets_of(container, stream), 0
            if point is not None:
                packets, key = point.arrive(container, stream, clock)
                order, skipped = PictureOrder(first=key.pts, passed=key.index), key.skipped
            damage = Damage.expecting(stream, skipped)
            losses = self._watched = PictureLosses(full_depth=self._full_depth)
            convert = UprightPictures(info) if self._full_depth else self._images()
            decoded = decode(clock.continued(packets), stream, order, damage)
            pictures = placed(decoded, order, point)
            frames = self._stamped(pictures, order, damage)
            if self._deinterlace:
                frames = filtered(frames, DEINTERLACE)
            try:
                for (index, pts), picture in frames:
                    losses.watch(picture)
                    time, duration = float(pts * info.time_base), picture.duration or 0
                    yield Frame(
                        index,
                        pts,
                        time,
                        convert(picture),
                        duration=duration,
                        pixel_aspect=info.display_aspect,
                        faulty=picture.is_corrupt,
                    )
            finally:  # also where only the beginning is read
                self.losses = losses.in_conversion()
            damage.jumps = len(clock.jumps)
            notes = choice_note(container, stream), damage.jumps_text(), losses.interlacing()
        self.damage = damage.text()
        self.notes = [note for note in notes if note]

    def _images(self) -> Callable[[VideoFrame], Image]:
        orientation = self.info.orientation
        convert = RgbConverter(*self.info.stored_size, self.info.colour)
        return lambda frame: orientation.apply(convert(frame))

    def _stamped(
        self, pictures: Iterator[tuple[int, VideoFrame]], order: PictureOrder, damage: Damage
    ) -> Iterator[tuple[tuple[int, int], VideoFrame]]:
        """Yields index, pts and picture from ``start`` on, and records damage."""
        info = self.info
        step = max(1, round(1 / (info.fps * info.time_base)))
        last: int | None = None
        for index, picture in pictures:
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
                yield (index, last), picture
        order.finish()
        damage.missing, damage.total = order.missing, order.total
