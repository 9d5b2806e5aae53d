"""Video encoders: which of them work on this machine, and good settings for each."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from faceswap.core.errors import MediaError


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of an encoder for near-transparent quality at a reasonable speed.

    Attributes:
        options: Options of the encoder.
        quality: Name of the quality option that ``crf`` sets; empty if it has none.
        speed: Name of the speed option that ``preset`` sets; empty if it has none.
        even: Whether 4:2:0 needs even width and height.
        tag: Codec tag that players expect in MP4; empty for the muxer's default.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    quality: str = ""
    speed: str = ""
    even: bool = True
    tag: str = ""


@dataclass(frozen=True)
class VideoEncoding:
    """Encoder of a video and its settings.

    Attributes:
        encoder: FFmpeg's name of the encoder; None for libx264 (WebM: libvpx-vp9).
        crf: Quality, lower is better; None for near-transparent.
        preset: Speed setting of the encoder; None for a fast one.
        options: Additional options of the encoder.
        pixel_format: FFmpeg's name of the pixel format; None for 8-bit 4:2:0 if the encoder
            supports it.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    pixel_format: str | None = None


_NVENC = {"preset": "p5", "rc": "vbr", "cq": "17", "b": "0"}

# On footage of faces x264's "medium" takes 2.5 times as long as "veryfast", which at crf 14 is as
# close to the original (46 dB) as "medium" at 18, in a larger file.
ENCODERS: dict[str, EncoderSettings] = {
    "libx264": EncoderSettings({"preset": "veryfast", "crf": "14"}, "crf", "preset"),
    "libx265": EncoderSettings(
        {"preset": "veryfast", "crf": "16", "x265-params": "log-level=error"},
        "crf",
        "preset",
        tag="hvc1",
    ),
    "libvpx-vp9": EncoderSettings(
        {"cpu-used": "5", "crf": "20", "b": "0", "row-mt": "1", "deadline": "good"},
        "crf",
        "cpu-used",
        even=False,
    ),
    "libsvtav1": EncoderSettings({"preset": "9", "crf": "20"}, "crf", "preset"),
    "h264_nvenc": EncoderSettings(_NVENC, "cq", "preset"),
    "hevc_nvenc": EncoderSettings(_NVENC, "cq", "preset", tag="hvc1"),
    "av1_nvenc": EncoderSettings(_NVENC, "cq", "preset"),
    "prores_ks": EncoderSettings({"profile": "3"}),
    "ffv1": EncoderSettings({"level": "3", "slicecrc": "1"}, even=False),
}

# FFmpeg lists these encoders even if the machine lacks the hardware.
_HARDWARE = ("_nvenc", "_qsv", "_amf", "_vaapi", "_videotoolbox")

DEFAULT_ENCODER = {
    ".mp4": "libx264",
    ".m4v": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".webm": "libvpx-vp9",
}


def usable_encoders(holds: set[str] | None = None) -> list[str]:
    """Known encoders that can be opened on this machine, including hardware encoders.

    Args:
        holds: Codecs that the container supports; None for any.
    """
    return [
        name
        for name in ENCODERS
        if name in av.codecs_available
        and (holds is None or av.Codec(name, "w").canonical_name in holds)
        and (not name.endswith(_HARDWARE) or _starts(name))
    ]


def _starts(name: str) -> bool:
    try:
        context = av.CodecContext.create(name, "w")
        assert isinstance(context, VideoCodecContext)
        context.width, context.height = 256, 256
        context.time_base = Fraction(1, 25)
        context.framerate = Fraction(25)
        context.pix_fmt = choose_pixel_format(name, 256, 256)
        context.open()
    except (FFmpegError, ValueError):
        return False
    return True


def find_encoder(name: str, holds: set[str]) -> EncoderSettings:
    """Settings of an encoder; empty ones for an encoder that is not in the table.

    Args:
        name: FFmpeg's name of the encoder.
        holds: Codecs that the container supports.

    Raises:
        MediaError: There is no such video encoder, or the container does not support its codec.
    """
    # Only this variable stops SVT-AV1 from printing its settings to the terminal.
    os.environ.setdefault("SVT_LOG", "1")
    problem = "There is no video encoder"
    try:
        codec = av.Codec(name, "w")
        if codec.type == "video":
            if codec.canonical_name in holds:
                return ENCODERS.get(name, EncoderSettings())
            problem = "The container does not support the encoder"
    except ValueError:
        pass
    raise MediaError(f"{problem} {name!r}.", f"Use one of {', '.join(usable_encoders(holds))}.")


def encoder_options(
    name: str, settings: EncoderSettings, encoding: VideoEncoding
) -> dict[str, str]:
    """Options of an encoder: the defaults, overridden by the user's choices.

    Raises:
        MediaError: ``crf`` or ``preset`` is given for an encoder without such an option.
    """
    options = dict(settings.options)
    wishes = (
        ("crf", settings.quality, encoding.crf),
        ("preset", settings.speed, encoding.preset),
    )
    for wish, key, value in wishes:
        if value is None:
            continue
        if not key:
            raise MediaError(f"The encoder {name!r} has no {wish}.", "Omit it, or use libx264.")
        options[key] = str(value)
    return options | dict(encoding.options)


def choose_pixel_format(name: str, width: int, height: int, *, even: bool = True) -> str:
    """Pixel format for an encoder: 4:2:0 if possible, which every player supports.

    Odd sizes become 4:4:4 if the encoder rejects them in 4:2:0, so that no row is lost or padded.

    Raises:
        MediaError: The encoder supports even sizes only.
    """
    formats = [known.name for known in av.Codec(name, "w").video_formats or ()]
    if even and (width % 2 or height % 2):
        formats = [known for known in formats if known.startswith("yuv444p")]
        if not formats:
            raise MediaError(
                f"The encoder {name!r} supports even sizes only, found {width} x {height}.",
                "Use libx264 or libvpx-vp9.",
            )
    if "yuv420p" in formats or not formats:
        return "yuv420p"
    return next((known for known in formats if known.startswith("yuv")), formats[0])
