"""Containers that video can be written into, and what each of them can hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Literal

from faceswap.core.errors import MediaError
from faceswap.media.pace import read_pace
from faceswap.media.video import VideoInfo


@dataclass(frozen=True)
class Muxer:
    """A container that video can be written into.

    Attributes:
        name: FFmpeg's name of the muxer.
        encoder: Default video encoder.
        audio: Encoder of audio whose codec the container does not hold.
        text: Encoder of subtitles that are text; empty if the container has no text.
        stamps: Time stamps that it stores. ``any``: those of each frame; ``ticks``: multiples of
            one duration, in decoding order, hence no B-frames; ``steady``: a constant rate only.
        poor_audio: Beginnings of names of audio codecs that hardly any player supports in it.
        options: Options of the muxer.
        codecs: Video codecs that it holds, where FFmpeg has no list of them.
    """

    name: str
    encoder: str = "libx264"
    audio: str = "aac"
    text: str = ""
    stamps: Literal["any", "ticks", "steady"] = "any"
    poor_audio: tuple[str, ...] = ()
    options: Mapping[str, str] = field(default_factory=dict)
    codecs: frozenset[str] = frozenset()

    @property
    def iso(self) -> bool:
        """Whether it writes the ISO base media format, which keeps every time stamp exactly."""
        return self.name in ("mp4", "mov")


_MP4 = Muxer("mp4", text="mov_text", poor_audio=("pcm_", "vorbis", "truehd"))
_MOV = Muxer("mov", text="mov_text")
_TS = Muxer("mpegts", codecs=frozenset({"h264", "hevc", "mpeg2video", "mpeg4"}))
# Each packet is preceded by its time of arrival, as cameras and Blu-ray discs store it.
_M2TS = replace(_TS, options={"mpegts_m2ts_mode": "1"})
_PS = Muxer("vob", "mpeg2video", "mp2", stamps="steady")

MUXERS: dict[str, Muxer] = {
    ".mp4": _MP4,
    ".m4v": _MP4,
    ".mov": _MOV,
    ".qt": _MOV,
    ".mkv": Muxer("matroska", text="subrip"),
    ".webm": Muxer("webm", "libvpx-vp9", "libopus", "webvtt"),
    ".avi": Muxer("avi", audio="libmp3lame", stamps="ticks"),
    ".ts": _TS,
    ".m2t": _TS,
    ".m2ts": _M2TS,
    ".mts": _M2TS,
    ".mpg": _PS,
    ".mpeg": _PS,
    ".vob": _PS,
    ".flv": Muxer("flv"),
}
"""Muxer of each suffix that a video can be written as."""

_INSTEAD = {".mxf": ".mov", ".dv": ".mov"} | dict.fromkeys((".ogv", ".ogm", ".nut"), ".mkv")


ANIMATIONS = frozenset({".gif", ".webp"})
"""Suffixes of animated pictures that a video can be written as, which are made in one go."""


def find_muxer(path: Path) -> Muxer:
    """Muxer of a file by its suffix.

    Raises:
        MediaError: Video cannot be written in this format.
    """
    suffix = path.suffix.lower()
    if suffix not in MUXERS:
        raise MediaError(
            f"Video cannot be written as {suffix or path.name!r}.",
            f"Use one of {', '.join((*MUXERS, *sorted(ANIMATIONS)))}.",
        )
    return MUXERS[suffix]


def muxer_options(muxer: Muxer, time_base: Fraction, *, tags: bool) -> dict[str, str]:
    """Options with which a muxer is opened.

    Args:
        muxer: The muxer.
        time_base: Seconds per unit of the time stamps of the pictures.
        tags: Whether the file has tags of its own, which MP4 stores on request only.
    """
    if not muxer.iso:
        return dict(muxer.options)
    scale = str(time_base.denominator)
    flags = "+faststart+use_metadata_tags" if tags else "+faststart"
    # The movie time scale measures the start of the video; the default is milliseconds.
    return {"movflags": flags, "video_track_timescale": scale, "movie_timescale": scale}


def stored_tick(muxer: Muxer, info: VideoInfo, *, constant: bool = False) -> Fraction:
    """Seconds per unit of the time stamps that are stored of a video.

    Args:
        muxer: The muxer.
        info: Metadata of the video.
        constant: Whether the encoder needs a constant frame rate.

    Raises:
        MediaError: A constant frame rate is needed, and that of the source varies.
    """
    steady = constant or muxer.stamps == "steady"
    if not info.path.name or not (steady or muxer.stamps == "ticks"):
        return info.time_base
    pace = read_pace(info.path)
    if steady and not pace.steady:
        raise MediaError(
            "Expected a constant frame rate, which the container or encoder needs; that of"
            f" {info.path.name} varies.",
            "Write a .mp4 or .ts file with libx264.",
        )
    return pace.tick


def writable_suffix(source: Path) -> str:
    """Suffix of the container that a converted video gets: its own, or one that can hold it."""
    suffix = source.suffix.lower()
    if suffix in ANIMATIONS:
        return suffix
    if suffix not in MUXERS:
        return _INSTEAD.get(suffix, ".mp4")
    if MUXERS[suffix].stamps != "steady":
        return suffix
    try:
        return suffix if read_pace(source).steady else ".ts"
    except MediaError:
        return suffix  # it is reported when the video is converted
