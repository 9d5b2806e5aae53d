"""Numbering the pictures of a stream, finding one of them, and telling what is damaged."""

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from av import Packet
from av.container import InputContainer
from av.error import FFmpegError
from av.video.stream import VideoStream

from faceswap.media.container import keep_only, open_media, video_stream

# H.264 and H.265 let at most 16 pictures wait for their turn; twice that is safe.
_REORDER = 32


def is_picture(packet: Packet, codec: str) -> bool:
    """Whether a packet holds a picture that is meant to be shown.

    Not shown are pictures before the start of an edit, and VP8's hidden reference pictures, which
    travel as packets of their own.
    """
    if not packet.size or packet.is_discard:
        return False
    return codec != "vp8" or bool(memoryview(packet)[0] & 0x10)


def has_presentation_stamps(container: InputContainer) -> bool:
    """Whether packets say when they are shown; in AVI they only say when they are decoded."""
    return container.format.name != "avi"


def is_incomplete(packet: Packet) -> bool:
    """Whether a packet is the torn end of a file that was cut short.

    Transport streams mark every packet around a disturbance in this way; decoders mend those.
    """
    return packet.is_corrupt and packet.stream.container.format.name != "mpegts"


class PictureOrder:
    """Gives every picture its place in presentation order while the stream is decoded.

    The place is the rank of the picture's time stamp among all packets, so a picture that cannot
    be decoded leaves a gap and shifts nothing. Without usable time stamps pictures are counted.

    Args:
        first: Time stamp where reading begins; earlier pictures have no place. None: at the start.
        passed: Place of the picture at ``first``.
        stamped: Packets say when they are shown.
    """

    def __init__(self, first: int | None = None, passed: int = 0, *, stamped: bool = True) -> None:
        self.missing = 0
        self._first = first
        self._next = passed
        self._pending: list[int] = []
        self._last: int | None = None
        self._counting = not stamped
        self._stamped = stamped
        self._decode_stamps: deque[int] = deque()

    @property
    def total(self) -> int:
        """Number of pictures known so far, decoded or not, including those passed over."""
        return self._next + len(self._pending)

    def add(self, packet: Packet) -> None:
        """Notes the time stamps of a packet that goes to the decoder."""
        pts = packet.pts
        if not self._stamped:
            if packet.dts is not None:
                self._decode_stamps.append(packet.dts)
        elif pts is None or (self._last is not None and pts <= self._last):
            # No stamps, or a clock that was set back: rank means nothing from here on.
            self._counting = True
            self._pending.clear()
        elif not self._counting and (self._first is None or pts >= self._first):
            heapq.heappush(self._pending, pts)

    def place(self, pts: int | None) -> int | None:
        """The place of a decoded picture; None when it comes before the beginning."""
        if self._first is not None and (pts is None or pts < self._first):
            return None
        if pts is not None and not self._counting:
            while self._pending and self._pending[0] < pts:
                heapq.heappop(self._pending)
                self._next += 1
                self.missing += 1
            if self._pending and self._pending[0] == pts:
                heapq.heappop(self._pending)
            self._last = pts
        self._next += 1
        return self._next - 1

    def stamp(self, pts: int | None) -> int | None:
        """The time stamp of the picture placed last, if the file has one for it.

        Where packets have decoding times only, the pictures take those in turn: they come at the
        right pace then, frames that were dropped in recording included.
        """
        if self._stamped:
            return pts
        return self._decode_stamps.popleft() if self._decode_stamps else None

    def finish(self) -> None:
        """Counts the pictures that were still awaited when the stream ended as missing."""
        self.missing += len(self._pending)
        self._next += len(self._pending)
        self._pending.clear()


@dataclass(frozen=True)
class SeekPoint:
    """Where to go to read on at a certain picture.

    Attributes:
        pts: Time stamp of the picture.
        key: Time stamp of the key frame from which it can be decoded.
        seek: What to ask the container for to arrive at that key frame.
        skipped: Packets passed over that are never shown.
    """

    pts: int
    key: int
    seek: int
    skipped: int


def find_seek_point(path: Path, index: int) -> SeekPoint | None:
    """Finds the picture of a given index by reading packets without decoding them.

    Returns:
        None when the time stamps of the file leave any doubt about which picture that is, or when
        the container does not arrive where it was sent.
    """
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        if not has_presentation_stamps(container):
            return None
        try:
            point = _scan(container.demux(stream), stream.codec_context.name, index)
            if point is None:
                return None
            container.seek(point.seek, stream=stream, backward=True)
            arrived = next(container.demux(stream), None)
        except FFmpegError:
            return None
        if arrived is None or not arrived.is_keyframe or arrived.pts is None:
            return None
        return point if arrived.pts <= point.key else None


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
        if len(window) < _REORDER:
            heapq.heappush(window, pts)
        else:
            passed = heapq.heappushpop(window, pts)
        # Enough packets further on, no earlier picture can appear any more.
        if len(shown) > index + 2 * _REORDER:
            break
    shown.sort()
    if index >= len(shown) or len(set(shown)) < len(shown):
        return None
    target = shown[index]
    key, seek = max((key for key in keys if key[0] <= target), default=(None, None))
    if key is None or seek is None:
        return None
    return SeekPoint(target, key, seek, skipped)


class Damage:
    """Keeps account of what of a stream could not be decoded.

    Args:
        expected_frames: Frames the header promises; 0 when it does not say.
        expected_end: Time in seconds at which the stream should end; 0 when not known.
        skipped: Promised frames already known to be never shown.

    Attributes:
        total: Frames in the file, decoded or not.
        missing: Frames that could not be decoded.
        faulty: Frames that were decoded with errors.
        skipped: Frames that are never shown (before the start of an edit).
        end: Time in seconds at which the last frame ends.
        clock_reset: A time stamp ran backwards by more than a second.
        failure: Why reading stopped before the end; empty if it did not.
    """

    def __init__(
        self, expected_frames: int = 0, expected_end: float = 0.0, skipped: int = 0
    ) -> None:
        self.total = 0
        self.missing = 0
        self.faulty = 0
        self.skipped = skipped
        self.end = 0.0
        self.clock_reset = False
        self.failure = ""
        self._expected_frames = expected_frames
        self._expected_end = expected_end

    @classmethod
    def expecting(cls, stream: VideoStream, skipped: int = 0) -> "Damage":
        """Takes over what the container promises about a stream."""
        names = stream.container.format.name
        if "mp4" in names:
            return cls(expected_frames=stream.frames, skipped=skipped)
        if names == "avi" and stream.duration and stream.time_base:
            return cls(expected_end=float(stream.duration * stream.time_base))
        return cls(expected_end=_seconds(stream.metadata.get("DURATION", "")))

    def text(self) -> str | None:
        """Says what is damaged and how much, or None for a sound stream."""
        parts = []
        promised = self._expected_frames - self.skipped
        if promised > self.total:
            parts.append(f"the file is cut short after {self.total} of {promised} frames")
        elif self._expected_end - self.end > 0.5:
            parts.append(
                f"the file is cut short after {self.end:.1f} of {self._expected_end:.1f} seconds"
            )
        if self.missing:
            parts.append(f"{self.missing} of {_frames(self.total)} could not be decoded")
        if self.faulty:
            parts.append(f"{_frames(self.faulty)} came out with errors")
        if self.clock_reset:
            parts.append("its clock is set back on the way, times after that are wrong")
        if self.failure:
            parts.append(f"reading stopped early ({self.failure})")
        return "; ".join(parts) or None


def _frames(number: int) -> str:
    return f"{number} frame" if number == 1 else f"{number} frames"


def _seconds(clock: str) -> float:
    """Reads Matroska's ``HH:MM:SS.nnn``; 0 when it is anything else."""
    try:
        hours, minutes, seconds = clock.split(":")
        return float(int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds))
    except ValueError:
        return 0.0
