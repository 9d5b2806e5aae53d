"""Video encoders: which are usable here, and good settings for each."""

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
    """How an encoder is asked for near-transparent quality at a sensible speed.

    Attributes:
        options: The encoder's own options.
        quality: Name of its quality option, which ``crf`` sets; empty when it has none.
        speed: Name of its speed option, which ``preset`` sets; empty when it has none.
        even: Takes odd widths and heights only without chroma subsampling.
        tag: Codec tag that players expect in MP4; empty for the muxer's choice.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    quality: str = ""
    speed: str = ""
    even: bool = True
    tag: str = ""


_NVENC = {"preset": "p5", "rc": "vbr", "cq": "17", "b": "0"}

# Measured on footage of faces: x264's "medium" costs 2.5 times the work of "veryfast"; at crf 14
# the quick one is as close to the original (46 dB) as "medium" at 18, in a larger file.
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

# Built into FFmpeg whether the machine has the hardware or not.
_HARDWARE = ("_nvenc", "_qsv", "_amf", "_vaapi", "_videotoolbox")

DEFAULT_ENCODER = {
    ".mp4": "libx264",
    ".m4v": "libx264",
    ".mov": "libx264",
    ".mkv": "libx264",
    ".webm": "libvpx-vp9",
}


def usable_encoders(holds: set[str] | None = None) -> list[str]:
    """The known encoders that really start on this machine, hardware encoders included.

    Args:
        holds: Codecs that the container holds; None for any.
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
    """The settings of an encoder; neutral ones for an encoder that is not in the table.

    Args:
        name: FFmpeg's name of the encoder.
        holds: Codecs that the container holds.

    Raises:
        MediaError: There is no such video encoder, or its codec does not fit in the container.
    """
    # SVT-AV1 prints a page about itself to the terminal and listens to nothing else.
    os.environ.setdefault("SVT_LOG", "1")
    problem = "There is no video encoder"
    try:
        codec = av.Codec(name, "w")
        if codec.type == "video":
            if codec.canonical_name in holds:
                return ENCODERS.get(name, EncoderSettings())
            problem = "That container cannot hold the output of"
    except ValueError:
        pass
    raise MediaError(f"{problem} {name!r}.", f"Use one of {', '.join(usable_encoders(holds))}.")


def encoder_options(
    name: str,
    settings: EncoderSettings,
    crf: int | None,
    preset: str | None,
    extra: Mapping[str, str],
) -> dict[str, str]:
    """Puts the user's wishes in place of the defaults.

    Raises:
        MediaError: ``crf`` or ``preset`` for an encoder that has no such thing.
    """
    options = dict(settings.options)
    for wish, key, value in (("crf", settings.quality, crf), ("preset", settings.speed, preset)):
        if value is None:
            continue
        if not key:
            raise MediaError(
                f"The encoder {name!r} has no {wish}.", "Leave it out, or use libx264."
            )
        options[key] = str(value)
    return options | dict(extra)


def choose_pixel_format(name: str, width: int, height: int, *, even: bool = True) -> str:
    """The pixel format to encode in: 4:2:0 where possible, for that plays everywhere.

    Odd sizes become 4:4:4 where the encoder would refuse 4:2:0, so that not one row of the picture
    is lost or made up.

    Raises:
        MediaError: The encoder takes even sizes only.
    """
    formats = [known.name for known in av.Codec(name, "w").video_formats or ()]
    if even and (width % 2 or height % 2):
        formats = [known for known in formats if known.startswith("yuv444p")]
        if not formats:
            raise MediaError(
                f"The encoder {name!r} takes even sizes only, not {width} x {height}.",
                "Use libx264 or libvpx-vp9.",
            )
    if "yuv420p" in formats or not formats:
        return "yuv420p"
    return next((known for known in formats if known.startswith("yuv")), formats[0])
