"""Positions of pictures in a file, found by reading packets, and decoding that begins there."""

import heapq
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from av import Packet, VideoFrame
from av.error import FFmpegError

from faceswap.media.clock import REORDER, PictureClock
from faceswap.media.container import keep_only, open_media, video_stream
from faceswap.media.timeline import PictureOrder, has_presentation_stamps, is_picture


class InexactSeekError(Exception):
    """Decoding from a seek point may give other pictures than decoding from the beginning."""


@dataclass(frozen=True)
class SeekPoint:
    """Position from which a certain picture can be decoded.

    Attributes:
        index: Index of the picture.
        pts: Presentation time stamp of the picture, on the clock that begins at 0.
        key: Presentation time stamp of the key frame from which it can be decoded.
        key_index: Index of that key frame.
        seek: Stored time stamp to seek to in order to reach that key frame.
        skipped: Number of earlier packets that are never displayed.
    """

    index: int
    pts: int
    key: int
    key_index: int
    seek: int
    skipped: int


def find_seek_point(path: Path, index: int) -> SeekPoint | None:
    """Finds the picture with a given index by reading packets without decoding them.

    Returns:
        None if the time stamps do not identify that picture with certainty, if they jump before it,
        or if seeking does not reach the key frame.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        if not has_presentation_stamps(container):
            return None
        clock = PictureClock(container, stream)
        try:
            packets = clock.continued(container.demux(stream))
            point = _scan(packets, stream.codec_context.name, index)
            if point is None or clock.jumps:
                return None
            point = replace(point, seek=clock.stored(point.seek))
            container.seek(point.seek, stream=stream, backward=True)
            arrived = next(container.demux(stream), None)
        except FFmpegError:
            return None
        if arrived is None or not arrived.is_keyframe or arrived.pts is None:
            return None
        return point if clock.move(arrived.pts) <= point.key else None


def placed(
    pictures: Iterable[VideoFrame], order: PictureOrder, point: SeekPoint | None
) -> Iterator[tuple[int, VideoFrame]]:
    """Yields decoded pictures with their indices.

    Args:
        pictures: Pictures in presentation order.
        order: Knows their packets, from the key frame of ``point`` on.
        point: Seek point from which they are decoded; None for the beginning of the file.

    Raises:
        InexactSeekError: Not every picture from the key frame to that of ``point`` is sound.
            Decoders drop pictures until a gradual refresh is complete, and conceal damage with
            earlier pictures, which they do not have after a seek.
    """
    for picture in pictures:
        index = order.place(picture.pts)
        if index is None:
            continue
        if point is not None:
            reached = index == point.index
            if order.missing or picture.is_corrupt or reached != (picture.pts == point.pts):
                raise InexactSeekError
            point = None if reached else point
        yield index, picture
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
            for packet in clock.continued(container.demux(stream)):
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
    keys: list[tuple[int, int]] = []
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
            keys.append((pts, pts if dts is None else dts))
        if len(window) < REORDER:
            heapq.heappush(window, pts)
        else:
            passed = heapq.heappushpop(window, pts)
        # No earlier picture can appear after this many packets.
        if len(shown) > index + 2 * REORDER:
            break
    shown.sort()
    if index >= len(shown) or len(set(shown)) < len(shown):
        return None
    target = shown[index]
    key, seek = max((key for key in keys if key[0] <= target), default=(None, None))
    if key is None or seek is None:
        return None
    return SeekPoint(index, target, key, bisect_left(shown, key), seek, skipped)
