"""Indices of the pictures of a stream, and a report of damage."""

import heapq
from collections import deque
from fractions import Fraction

from av import Packet
from av.container import InputContainer
from av.video.stream import VideoStream

from faceswap.core.text import counted
from faceswap.media.clock import time_origin


def is_picture(packet: Packet, codec: str) -> bool:
    """Whether a packet contains a picture that is displayed.

    Not displayed are pictures before the start of an edit list, and VP8's hidden reference
    pictures, which have packets of their own.
    """
    if not packet.size or packet.is_discard:
        return False
    return codec != "vp8" or bool(memoryview(packet)[0] & 0x10)


def has_presentation_stamps(container: InputContainer) -> bool:
    """Whether packets have presentation time stamps; in AVI they only have decoding ones."""
    return container.format.name != "avi"


def is_incomplete(packet: Packet) -> bool:
    """Whether a packet is the incomplete end of a truncated file.

    Transport streams flag every packet around an error; decoders conceal those.
    """
    return packet.is_corrupt and packet.stream.container.format.name != "mpegts"


class PictureOrder:
    """Assigns each picture its index in presentation order while the stream is decoded.

    The index is the rank of the picture's time stamp among all packets, so a picture that cannot
    be decoded leaves a gap. Without usable time stamps pictures are counted.

    Args:
        first: Time stamp at which reading starts; earlier pictures have no index. None: the start.
        passed: Index of the picture at ``first``.
        stamped: Whether packets have presentation time stamps.

    Attributes:
        missing: Number of pictures that could not be decoded.
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
        """Number of pictures known so far, decoded or not, including those before ``first``."""
        return self._next + len(self._pending)

    def add(self, packet: Packet) -> None:
        """Records the time stamps of a packet that is sent to the decoder."""
        pts = packet.pts
        if not self._stamped:
            if packet.dts is not None:
                self._decode_stamps.append(packet.dts)
        elif pts is None or (self._last is not None and pts <= self._last):
            # No time stamps, or they run backwards: ranks are meaningless from here on.
            self._counting = True
            self._pending.clear()
        elif not self._counting and (self._first is None or pts >= self._first):
            heapq.heappush(self._pending, pts)

    def place(self, pts: int | None) -> int | None:
        """Index of a decoded picture; None if it precedes ``first``."""
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
        """Time stamp of the picture that was indexed last, if the file has one for it.

        If packets have decoding time stamps only, pictures take those in order, which keeps the
        gaps of frames that were dropped while recording.
        """
        if self._stamped:
            return pts
        return self._decode_stamps.popleft() if self._decode_stamps else None

    def finish(self) -> None:
        """Counts pictures that are still pending at the end of the stream as missing."""
        self.missing += len(self._pending)
        self._next += len(self._pending)
        self._pending.clear()


class Damage:
    """Record of what could not be decoded in a stream.

    Args:
        expected_frames: Number of frames according to the header; 0 if unknown.
        expected_end: End of the stream in seconds according to the header; 0 if unknown.
        skipped: Number of expected frames that are known not to be displayed.

    Attributes:
        total: Number of frames in the file, decoded or not.
        missing: Number of frames that could not be decoded.
        faulty: Number of frames that were decoded with errors.
        skipped: Number of frames that are not displayed (before the start of an edit list).
        end: End of the last frame in seconds.
        jumps: Number of times that the clock of the file was set back or leapt forward.
        clock_reset: Whether a picture's time stamp ran backwards by more than a second.
        failure: Reason why reading stopped before the end; empty if it did not.
    """

    def __init__(
        self, expected_frames: int = 0, expected_end: float = 0.0, skipped: int = 0
    ) -> None:
        self.total = 0
        self.missing = 0
        self.faulty = 0
        self.skipped = skipped
        self.end = 0.0
        self.jumps = 0
        self.clock_reset = False
        self.failure = ""
        self._expected_frames = expected_frames
        self._expected_end = expected_end

    @classmethod
    def expecting(cls, stream: VideoStream, skipped: int = 0) -> "Damage":
        """Reads from the container how long a stream should be."""
        container = stream.container
        assert isinstance(container, InputContainer)
        names = container.format.name
        if "mp4" in names:
            # Edits may leave out frames that the header counts, and repeat others. The index of
            # fragments is read with them.
            frames = len(stream.index_entries) if stream.frames else 0
            return cls(expected_frames=frames, skipped=skipped)
        if names == "avi" and stream.duration and stream.time_base:
            return cls(expected_end=float(stream.duration * stream.time_base))
        end = _seconds(stream.metadata.get("DURATION", ""))
        return cls(expected_end=end and max(0.0, end - float(time_origin(container))))

    def jumps_text(self) -> str | None:
        """Line about jumps of the clock, which damage nothing; None if there are none."""
        if not self.jumps:
            return None
        times = "once" if self.jumps == 1 else f"{self.jumps} times"
        return f"the time stamps of the file jump {times} (a joined recording); time continues"

    def text(self) -> str | None:
        """Description of the damage, or None for an undamaged stream."""
        parts = []
        promised = self._expected_frames - self.skipped
        if promised > self.total:
            parts.append(f"the file is truncated after {self.total} of {promised} frames")
        elif self._expected_end - self.end > 0.5:
            parts.append(
                f"the file is truncated after {self.end:.1f} of {self._expected_end:.1f} seconds"
            )
        if self.missing:
            parts.append(f"{self.missing} of {counted(self.total, 'frame')} could not be decoded")
        if self.faulty:
            parts.append(f"{counted(self.faulty, 'frame')} decoded with errors")
        if self.clock_reset:
            parts.append("some time stamps run backwards; the times of those frames are wrong")
        if self.failure:
            parts.append(f"reading stopped early ({self.failure})")
        return "; ".join(parts) or None


def _seconds(clock: str) -> float:
    """Parses Matroska's ``HH:MM:SS.nnn``; 0 for anything else."""
    try:
        hours, minutes, seconds = clock.split(":")
        return float(int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds))
    except ValueError:
        return 0.0
