"""The pace of a video: the duration of which all its time stamps are multiples."""

import math
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from pathlib import Path

from av.error import FFmpegError

from faceswap.core.file_state import FileState
from faceswap.media.clock import PictureClock
from faceswap.media.container import (
    frame_rate,
    keep_only,
    known_ratio,
    open_media,
    packets_of,
    picture_time_base,
    video_stream,
)
from faceswap.media.timeline import has_presentation_stamps, is_picture

_FINEST = Fraction(1, 1000)  # seconds; a finer clock needs more space than the pictures


@dataclass(frozen=True)
class Pace:
    """Time between frames.

    Attributes:
        tick: Seconds of which all time stamps are multiples, within the rounding of the file; one
            millisecond if there is none that is longer.
        steady: Whether there is a frame at each multiple.
    """

    tick: Fraction
    steady: bool


def read_pace(path: Path) -> Pace:
    """Reads the pace of a video from its packets, without decoding them.

    It is read once as long as the file does not change.

    Raises:
        MediaError: The file cannot be read.
    """
    return _read_pace(path, FileState.of(path.stat()) if path.exists() else None)


@lru_cache(maxsize=16)
def _read_pace(path: Path, _: FileState | None) -> Pace:
    with open_media(path) as container:
        stream = video_stream(container, path)
        keep_only(container, stream)
        base = picture_time_base(stream)
        rates = [known_ratio(stream.average_rate), known_ratio(stream.guessed_rate)]
        clock = PictureClock(container, stream)
        presented, codec = has_presentation_stamps(container), stream.codec_context.name
        stamps: list[int] = []
        pictures = 0
        with suppress(FFmpegError):  # damage is reported when the file is read
            for packet in clock.continued(packets_of(container, stream)):
                stamp = packet.pts if presented else packet.dts
                if is_picture(packet, codec):
                    pictures += 1
                    # In program streams only some pictures have one.
                    stamps += [] if stamp is None else [stamp]
    stamps.sort()
    if not stamps:
        return Pace(1 / frame_rate(stream), steady=True)
    stamps = [stamp - stamps[0] for stamp in stamps]
    for tick in _ticks(stamps, base, [rate for rate in rates if rate]):
        counts = [round(stamp * base / tick) for stamp in stamps]
        distinct = all(before < after for before, after in pairwise(counts))
        exact = all(
            abs(count * tick - stamp * base) <= base
            for count, stamp in zip(counts, stamps, strict=True)
        )
        if exact and distinct:
            return Pace(tick, steady=pictures > counts[-1])
    return Pace(_FINEST, steady=False)


def _ticks(stamps: list[int], base: Fraction, rates: list[Fraction]) -> Iterator[Fraction]:
    """Durations that may divide all time stamps, the likeliest first."""
    yield from (1 / rate for rate in rates)
    common = math.gcd(*stamps) * base
    if common >= _FINEST:
        yield common
