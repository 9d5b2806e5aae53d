"""Positions of pictures in a file, found by reading packets, and decoding that begins there."""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap.media.clock import REORDER, PictureClock
from faceswap.media.container import keep_only, open_media, packets_of, video_stream
from faceswap.media.timeline import PictureOrder, has_presentation_stamps, is_picture


class InexactSeekError(Exception):
    """Decoding from a seek point may give other pictures than decoding from the beginning."""


@dataclass(frozen=True)
class KeyFrame:
    """Key frame at which decoding may begin.

    Attributes:
        index: Index of the picture.
        pts: Presentation time stamp, on the clock that begins at 0.
        skipped: Number of earlier packets that are never displayed.
    """

    index: int
    pts: int
    skipped: int


@dataclass(frozen=True)
class SeekPoint:
    """Position from which a certain picture can be decoded.

    Attributes:
        index: Index of the picture.
        pts: Presentation time stamp of the picture, on the clock that begins at 0.
        settled: Index of the last picture that is decoded no later than this one.
        seeks: Stored time stamps of the key frame before it, to seek to in turn: formats are
            searched by decoding or by presentation time stamps.
        keys: That key frame and earlier ones, by the positions of their packets in the file and
            their time stamps.
    """

    index: int
    pts: int
    settled: int
    seeks: tuple[int, ...]
    keys: Mapping[tuple[int, int], KeyFrame]

    def arrive(
        self, container: InputContainer, stream: VideoStream, clock: PictureClock
    ) -> tuple[Iterator[Packet], KeyFrame]:
        """Seeks in a newly opened file.

        Returns:
            The packets from a key frame on, and that key frame.

        Raises:
            InexactSeekError: Seeking reaches none of the key frames. FFmpeg bisects some formats by
                time stamps, which in joined recordings may lead into a later part.
        """
        try:
            for stamp in self.seeks:
                container.seek(stamp, stream=stream, backward=True)
                packets = packets_of(container, stream)
                first = next(packets, None)
                if first is None or first.pos is None or first.pts is None:
                    continue
                key = self.keys.get((first.pos, clock.move(first.pts)))
                if key is not None:
                    return chain([first], packets), key
        except FFmpegError as error:
            raise InexactSeekError from error
        raise InexactSeekError


def find_seek_point(path: Path, index: int) -> SeekPoint | None:
    """Finds the picture with a given index by reading packets without decoding them.

    Returns:
        None if the time stamps do not identify that picture with certainty, if they jump before it,
        or if the position of its key frame in the file is unknown.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        if not has_presentation_stamps(container):
            return None
        clock = PictureClock(container, stream)
        try:
            packets = clock.continued(packets_of(container, stream))
            point = _scan(packets, stream.codec_context.name, index)
        except FFmpegError:
            return None
        if point is None or clock.jumps:
            return None
        return replace(point, seeks=tuple(map(clock.stored, point.seeks)))


def placed(
    pictures: Iterable[VideoFrame], order: PictureOrder, point: SeekPoint | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yields decoded pictures with their indices.

    Args:
        pictures: Pictures in presentation order.
        order: Knows their packets, from the key frame on at which decoding began.
        point: Seek point from which they are decoded; None for the beginning of the file.

    Raises:
        InexactSeekError: Not every picture from that key frame to that of ``point`` is sound, or
            not every one that is decoded in between and shown later: pictures are held back until
            these are known. Decoders drop pictures until a gradual refresh is complete, and conceal
            damage with earlier pictures, which they do not have after a seek.
    """
    held: list[tuple[int, VideoFrame]] = []
    for picture in pictures:
        index = order.place(picture.pts)
        if index is None:
            continue
        held.append((index, picture))
        if point is not None:
            at_point = picture.pts == point.pts
            if order.missing or picture.is_corrupt or at_point != (index == point.index):
                raise InexactSeekError
            if point.index <= index < point.settled:
                continue
            point = None if index == point.settled else point
        yield from held
        held.clear()
    if point is not None:
        raise InexactSeekError


def count_before(path: Path, pts: int) -> int | None:
    """Number of pictures before a time stamp, by reading packets without decoding them.

    Args:
        path: Video file.
        pts: Time stamp in the time base of the stream, as that of a frame.

    Returns:
        None if the time stamps are ambiguous, or jump before that one.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        if not has_presentation_stamps(container):
            return None
        clock = PictureClock(container, stream)
        earlier: set[int] = set()
        pictures, later = 0, 0
        try:
            for packet in clock.continued(packets_of(container, stream)):
                if not is_picture(packet, stream.codec_context.name):
                    continue
                if packet.pts is None or packet.is_corrupt:
                    return None
                if packet.pts < pts:
                    earlier.add(packet.pts)
                    pictures, later = pictures + 1, 0
                else:
                    later += 1
                # No earlier picture can appear after this many packets.
                if later > 2 * REORDER:
                    break
        except FFmpegError:
            return None
        return None if clock.jumps or len(earlier) < pictures else pictures


def _scan(packets: Iterable[Packet], codec: str, index: int) -> SeekPoint | None:
    shown: list[int] = []
    keys: list[_KeyPacket] = []
    window: list[int] = []
    skipped, passed = 0, None
    for packet in packets:
        if not is_picture(packet, codec):
            skipped += packet.is_discard
            continue
        pts, dts = packet.pts, packet.dts
        if pts is None or (passed is not None and pts <= passed) or packet.is_corrupt:
            return None
        shown.append(pts)
        if packet.is_keyframe:
            keys.append(_KeyPacket(pts, pts if dts is None else dts, packet.pos, skipped))
        if len(window) < REORDER:
            heapq.heappush(window, pts)
        else:
            passed = heapq.heappushpop(window, pts)
        # No earlier picture can appear after this many packets.
        if len(shown) > index + 2 * REORDER:
            break
    decoded, shown = shown, sorted(shown)
    if index >= len(shown) or len(set(shown)) < len(shown):
        return None
    target = shown[index]
    settled = bisect_left(shown, max(decoded[: decoded.index(target) + 1]))
    if settled - index > REORDER:
        return None
    keys = [key for key in keys if key.pts <= target]
    last = max(keys, key=lambda key: key.pts, default=None)
    if last is None or last.pos is None:
        return None
    known = {
        (key.pos, key.pts): KeyFrame(bisect_left(shown, key.pts), key.pts, key.skipped)
        for key in keys
        if key.pos is not None
    }
    return SeekPoint(index, target, settled, (last.dts, last.pts), known)


class _KeyPacket(NamedTuple):
    pts: int
    dts: int
    pos: int | None
    skipped: int
