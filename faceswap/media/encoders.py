"""Video encoders: which of them work on this machine, and good settings for each."""

import os
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from fractions import Fraction

import av
from av.error import FFmpegError
from av.video.codeccontext import VideoCodecContext

from faceswap.core.errors import MediaError
from faceswap.media.encoder_table import ALIASES, ENCODERS, EncoderSettings


@dataclass(frozen=True)
class VideoEncoding:
    """Encoder of a video and its settings.

    Attributes:
        encoder: FFmpeg's name of the encoder, or one of ``ALIASES``; None for the default of the
            container.
        crf: Quality, lower is better; None for near-transparent.
        preset: Speed setting of the encoder; None for a fast one.
        options: Additional options of the encoder.
        pixel_format: FFmpeg's name of the pixel format; None for that of the pictures, or the
            nearest; for 8-bit RGB, 4:2:0 if the encoder supports it.
        lossless: Whether pixels, in the format of the encoder, are stored without loss.
    """

    encoder: str | None = None
    crf: int | None = None
    preset: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    pixel_format: str | None = None
    lossless: bool = False

    def name(self, default: str) -> str:
        """FFmpeg's name of the encoder.

        Args:
            default: Default encoder of the container.
        """
        name = self.encoder or default
        return ALIASES.get(name, name)


# FFmpeg lists these encoders even if the machine lacks the hardware.
_HARDWARE = ("_nvenc", "_qsv", "_amf", "_videotoolbox")


def usable_encoders(holds: Set[str] | None = None) -> list[str]:
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
        context.options = encoder_options(name, ENCODERS[name], VideoEncoding(), context.pix_fmt)
        context.open()
    except (FFmpegError, ValueError):
        return False
    return True


def find_encoder(name: str, holds: Set[str]) -> EncoderSettings:
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
    name: str, settings: EncoderSettings, encoding: VideoEncoding, pixel_format: str
) -> dict[str, str]:
    """Options of an encoder: the defaults, overridden by the user's choices.

    Args:
        name: FFmpeg's name of the encoder.
        settings: Settings of the encoder.
        encoding: The user's choices.
        pixel_format: FFmpeg's name of the pixel format that is encoded.

    Raises:
        MediaError: ``crf``, ``preset`` or ``lossless`` is given for an encoder without it, or both
            ``crf`` and ``lossless``.
    """
    options = dict(settings.options)
    for beginning, further in settings.by_format.items():
        if pixel_format.startswith(beginning):
            options |= further
    options |= _quality_options(name, settings, encoding)
    if encoding.preset is not None:
        if not settings.speed:
            raise _missing(name, "preset")
        options[settings.speed] = encoding.preset
    return options | dict(encoding.options)


def _quality_options(
    name: str, settings: EncoderSettings, encoding: VideoEncoding
) -> Mapping[str, str]:
    if encoding.lossless:
        if encoding.crf is not None:
            raise MediaError("Expected either --crf or --lossless, found both.", "Omit one.")
        if settings.lossless is None:
            raise _missing(name, "lossless mode")
        return settings.lossless
    if settings.quality is None:
        if encoding.crf is not None:
            raise _missing(name, "crf")
        return {}
    crf = settings.crf if encoding.crf is None else encoding.crf
    return {} if crf is None else settings.quality(crf)


def _missing(name: str, wish: str) -> MediaError:
    return MediaError(f"The encoder {name!r} has no {wish}.", "Omit it, or use libx264.")


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
