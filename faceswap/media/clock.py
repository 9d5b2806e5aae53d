"""The time of a file: it begins at 0, and continues where the stored time stamps jump.

Files that were joined (transport streams, VOB, parts of a live stream) set their clock back or
forward in the middle, and recordings begin at any time of day. The stream of pictures defines the
time: after a jump its next picture follows the last one, and sound moves by the same amount.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from av import Packet
from av.container import InputContainer
from av.format import Flags
from av.stream import Stream
from av.video.stream import VideoStream

from faceswap.media.container import films, frame_rate, packets_of, picture_time_base

# FFmpeg's thresholds: formats whose clock may be set anew, and all others.
_GAP = 10  # seconds
_GAP_ELSEWHERE = 30 * 3600
# H.264 and H.265 reorder at most 16 pictures; twice that is safe.
REORDER = 32
_WAITING = 1000  # packets of sound that wait for the jump of the pictures
_LAG = Fraction(1, 10)  # seconds by which sound may lag rather than overlap
_SHORT = Fraction(1, 200)  # seconds; rounded time stamps of short packets may go back by less


def time_origin(container: InputContainer) -> Fraction:
    """Stored time in seconds at which a file begins: the earliest start of pictures and sound.

    Sound before time 0 is the priming of its codec, which players skip: the file begins at 0.
    """
    pictures = _starts(films(container))
    starts = [*pictures, *_starts(container.streams.audio)]
    origin = min(starts, default=Fraction(0))
    return max(origin, Fraction(0)) if min(pictures, default=origin) >= 0 else origin


def _starts(streams: Iterable[Stream]) -> list[Fraction]:
    return [
        stream.start_time * stream.time_base
        for stream in streams
        if stream.start_time is not None and stream.time_base
    ]


def may_jump(container: InputContainer) -> bool:
    """Whether time stamps may jump; not in formats that store durations of frames."""
    if "mp4" in container.format.name:
        return not any(stream.frames for stream in container.streams.video)  # fragments
    return container.format.name not in ("avi", "gif")


def _discontinuous(container: InputContainer) -> bool:
    """Whether the format allows for a clock that is set anew."""
    return bool(container.format.flags & Flags.ts_discont.value)


def _gap(container: InputContainer) -> int:
    return _GAP if _discontinuous(container) else _GAP_ELSEWHERE


@dataclass(frozen=True)
class Jump:
    """A jump of the stored time stamps of pictures.

    Attributes:
        at: First time stamp after the jump as it is stored, in seconds.
        shift: Seconds to add to stored time stamps from there on.
    """

    at: Fraction
    shift: Fraction


class PictureClock:
    """Moves the time stamps of one video stream so that they begin at 0 and never jump.

    Args:
        container: File of the stream.
        stream: Video stream.

    Attributes:
        jumps: Jumps found so far.
    """

    def __init__(self, container: InputContainer, stream: VideoStream) -> None:
        self.jumps: list[Jump] = []
        self._base = picture_time_base(stream)
        self._step = max(1, round(1 / (frame_rate(stream) * self._base)))
        self._gap = round(_gap(container) / self._base)
        self._may_jump = may_jump(container)
        self._discontinuous = _discontinuous(container)
        self._shift = -round(time_origin(container) / self._base)
        self._last: int | None = None  # decoding time stamp as stored
        self._end: int | None = None  # of the latest picture, on the continued clock
        self._held: list[Packet] = []  # after a jump, until their earliest picture is known

    def move(self, stamp: int) -> int:
        """Time stamp on the continued clock, in units of the stream, before any jump."""
        return stamp + self._shift

    def stored(self, stamp: int) -> int:
        """Time stamp in the file before any jump, for one on the continued clock."""
        return stamp - self._shift

    @property
    def waiting(self) -> bool:
        """Whether a jump was read whose shift is not known yet."""
        return bool(self._held)

    @property
    def now(self) -> Fraction:
        """End in seconds of the latest picture on the continued clock."""
        return (self._end or 0) * self._base

    def continued(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Yields packets in the same order, their time stamps moved in place."""
        for packet in packets:
            yield from self.feed(packet)
        yield from self.finish()

    def feed(self, packet: Packet) -> list[Packet]:
        """Takes the next packet; returns those whose time stamps were moved."""
        ready: list[Packet] = []
        jumps, stored = self._jumps(packet), packet.dts
        if jumps:
            ready = self.finish()
        if jumps or self._held:
            self._held.append(packet)
        else:
            self._move(packet)
            ready = [packet]
        self._last = self._last if stored is None else stored
        return [*ready, *(self.finish() if len(self._held) >= REORDER else [])]

    def finish(self) -> list[Packet]:
        """Moves and returns the packets that are held back after a jump."""
        held, self._held = self._held, []
        stamps = [stamp for stamp in map(_presented, held) if stamp is not None]
        if stamps and self._end is not None:
            first = min(stamps)
            self._shift = self._end - first
            self.jumps.append(Jump(first * self._base, self._shift * self._base))
        for packet in held:
            self._move(packet)
        return held

    def _jumps(self, packet: Packet) -> bool:
        if not self._may_jump or packet.dts is None or self._last is None:
            return False
        change = packet.dts - self._last
        if change > self._gap:
            return True
        # Elsewhere decoding time stamps are guessed, and not in order after a jump.
        return (packet.is_keyframe or self._discontinuous) and change < -(self._step // 2)

    def _move(self, packet: Packet) -> None:
        _shift(packet, self._shift)
        stamp = _presented(packet)
        if stamp is not None:
            end = stamp + (packet.duration or self._step)
            self._end = end if self._end is None else max(self._end, end)


def _presented(packet: Packet) -> int | None:
    return packet.dts if packet.pts is None else packet.pts


def _shift(packet: Packet, ticks: int) -> None:
    if packet.pts is not None:
        packet.pts += ticks
    if packet.dts is not None:
        packet.dts += ticks


@dataclass
class _SoundTime:
    """Time of one stream of sound.

    Attributes:
        shift: Seconds to add to its stored time stamps.
        jumps: Number of jumps of the pictures that it has followed.
        last: Last stored decoding time stamp in seconds.
        end: End of its last packet on the continued clock in seconds.
    """

    shift: Fraction
    jumps: int = 0
    last: Fraction | None = None
    end: Fraction | None = None


class SoundClock:
    """Moves the time stamps of other streams as ``PictureClock`` moves those of the pictures.

    Args:
        container: File of the streams.
        pictures: Video stream of the same file; None without one.
        streams: Streams to read.
    """

    def __init__(
        self, container: InputContainer, pictures: VideoStream | None, streams: Sequence[Stream]
    ) -> None:
        origin = time_origin(container)
        self._container = container
        self._wanted = list(streams)
        self._times = {stream.index: _SoundTime(-origin) for stream in streams}
        self._may_jump = may_jump(container)
        self._gap = _gap(container)
        self._clock: PictureClock | None = None
        if pictures is not None and self._may_jump:
            self._clock = PictureClock(container, pictures)
            self._wanted.append(pictures)
        # Packets, and the time of the pictures when they were read.
        self._queue: deque[tuple[Packet, Fraction]] = deque()

    def read(self) -> Iterator[Packet]:
        """Yields the packets of the streams in the order of the file, with moved time stamps."""
        clock = self._clock
        for packet in packets_of(self._container, *self._wanted):
            if not packet.size:
                continue
            if packet.stream_index in self._times:
                self._queue.append((packet, clock.now if clock is not None else Fraction(0)))
            elif clock is not None:
                clock.feed(packet)
            yield from self._ready(wait=len(self._queue) <= _WAITING)
        if clock is not None:
            clock.finish()
        yield from self._ready(wait=False)

    def _ready(self, wait: bool) -> Iterator[Packet]:
        """Moves and yields the packets at the head of the queue whose shift is known."""
        while self._queue:
            packet, now = self._queue[0]
            time = self._times[packet.stream_index]
            if not self._follow(packet, time, now, wait):
                return
            self._queue.popleft()
            _shift(packet, round(time.shift / packet.time_base))
            yield packet

    def _follow(self, packet: Packet, time: _SoundTime, now: Fraction, wait: bool) -> bool:
        """Sets the shift of a packet; returns False if the jump of the pictures is yet unread."""
        stamp = _presented(packet) if packet.dts is None else packet.dts
        jumps = self._clock.jumps if self._clock is not None else []
        if packet.stream.type != "audio":
            # Subtitles and data are rare, so their own jumps cannot be told from pauses.
            time.shift = jumps[-1].shift if jumps else time.shift
            return True
        if stamp is None:
            return True
        base = packet.time_base
        at, length = stamp * base, (packet.duration or 0) * base
        if self._jumped(time, at, length):
            near = [k for k in range(time.jumps, len(jumps)) if abs(jumps[k].at - at) < _GAP]
            # Several jumps may lead to the same stored time: all that were read have to be known.
            if self._clock is not None and wait and (self._clock.waiting or not near):
                return False
            if near:
                number = min(near, key=lambda k: abs(at + jumps[k].shift - now))
                time.jumps = number + 1
                time.shift = jumps[number].shift + _lag(time, at + jumps[number].shift)
            else:  # the pictures do not jump here: the sound continues on its own
                time.shift = (time.end or 0) - at
        time.last, time.end = at, at + length + time.shift
        return True

    def _jumped(self, time: _SoundTime, at: Fraction, length: Fraction) -> bool:
        if not self._may_jump or time.last is None:
            return False
        change = at - time.last
        return change < -max(length / 2, _SHORT) or change > self._gap


def _lag(time: _SoundTime, at: Fraction) -> Fraction:
    """Seconds by which sound is late after a jump, since it was longer than the pictures before."""
    overlap = (time.end or Fraction(0)) - at
    return overlap if 0 < overlap <= _LAG else Fraction(0)
