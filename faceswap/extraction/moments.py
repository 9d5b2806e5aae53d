"""Moments of footage, as command lines give them: a time, or the number of a frame."""

import re
from dataclasses import dataclass
from fractions import Fraction

from faceswap.core.errors import ConfigError
from faceswap.media.sources import Source
from faceswap.media.video import frame_at

_FRAME = re.compile(r"(\d{1,12})f")
_TIME = re.compile(r"(?:(?:(\d{1,4}):)?(\d{1,4}):)?(\d{1,9}(?:\.\d{1,9})?)")


@dataclass(frozen=True)
class Moment:
    """A moment of footage.

    Attributes:
        value: Number of the frame from 0, or seconds from the beginning.
        is_frame: Whether it is the number of a frame.
    """

    value: Fraction
    is_frame: bool

    def __str__(self) -> str:
        return f"{self.value}f" if self.is_frame else f"{float(self.value):.15g}"

    def frame_of(self, source: Source) -> int:
        """Index of the first frame of a source that is not before this moment.

        Raises:
            ConfigError: It is a time, and the source consists of photos.
            MediaError: The video cannot be read.
        """
        if self.is_frame:
            return int(self.value)
        if source.kind == "images":
            raise ConfigError(
                f"Expected the number of a photo for {source.name}, found the time {self}.",
                "Photos have no time: --start 100f begins with the 101st.",
            )
        return frame_at(source.path, self.value)


def frame_span(
    source: Source, start: Moment | None, end: Moment | None
) -> tuple[int | None, int | None]:
    """Indices of the first frame of a span, and of the first frame after it; None for no limit.

    Raises:
        ConfigError: The span is empty, or a moment does not suit the source.
        MediaError: The video cannot be read.
    """
    first = start and start.frame_of(source)
    last = end and end.frame_of(source)
    if last is not None and last <= (first or 0):
        raise ConfigError(
            f"Expected --end after --start, found frames {first or 0} to {last} of {source.name}.",
            "Choose a later --end.",
        )
    return first, last


def parse_moment(text: str | None, option: str) -> Moment | None:
    """Parses ``90``, ``90.5``, ``1:30`` or ``1:02:03`` as a time, ``2250f`` as a frame.

    Args:
        text: Text; None for no moment.
        option: Name of the option, for messages.

    Raises:
        ConfigError: It is neither.
    """
    if text is None:
        return None
    if match := _FRAME.fullmatch(text):
        return Moment(Fraction(match[1]), is_frame=True)
    if match := _TIME.fullmatch(text):
        hours, minutes, seconds = match.groups("0")
        value = 3600 * Fraction(hours) + 60 * Fraction(minutes) + Fraction(seconds)
        return Moment(value, is_frame=False)
    raise ConfigError(
        f"Expected a time or the number of a frame for {option}, found {text!r}.",
        f"For example {option} 90, {option} 1:30 or {option} 2250f.",
    )
