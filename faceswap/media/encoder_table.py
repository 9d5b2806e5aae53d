"""Known video encoders, with settings for near-transparent quality at a reasonable speed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

Quality = Callable[[int], Mapping[str, str]]
"""Turns a constant rate factor into options of an encoder."""


def _named(*names: str) -> Quality:
    """Options that take the rate factor as it is."""
    return lambda crf: dict.fromkeys(names, str(crf))


def _quantiser(crf: int) -> Mapping[str, str]:
    """A constant quantiser of 1 to 31, whatever bit rate that takes."""
    step = str(min(max(crf, 1), 31))
    return {"qmin": step, "qmax": step, "b": "1G"}


def _percent(crf: int) -> Mapping[str, str]:
    """The quality of VideoToolbox, FFmpeg's ``-q:v``: 1 to 100, higher is better."""
    lambdas = 118 * max(1, 100 - 2 * crf)  # FFmpeg multiplies qualities by FF_QP2LAMBDA
    return {"flags": "+qscale", "global_quality": str(lambdas)}


@dataclass(frozen=True)
class EncoderSettings:
    """Settings of an encoder for near-transparent quality at a reasonable speed.

    Attributes:
        options: Options of the encoder, those of its quality excepted.
        crf: Rate factor by default; None if the encoder has no such option.
        quality: Options for a rate factor; None if the encoder has no such option.
        speed: Name of the speed option that ``preset`` sets; empty if it has none.
        lossless: Options that make it lossless, instead of those of the quality; None if it cannot
            be.
        by_format: Further options for pixel formats, by the beginning of their names.
        even: Whether 4:2:0 needs even width and height.
        constant_rate: Whether time stamps are numbers of frames at a constant rate.
        tag: Codec tag that players expect in MP4; empty for the muxer's default.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    crf: int | None = None
    quality: Quality | None = None
    speed: str = ""
    lossless: Mapping[str, str] | None = None
    by_format: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    even: bool = True
    constant_rate: bool = False
    tag: str = ""


def _nvenc(tag: str = "") -> EncoderSettings:
    return EncoderSettings(
        {"preset": "p5", "tune": "hq", "rc": "vbr", "b": "0", "spatial-aq": "1"},
        crf=17,
        quality=_named("cq"),
        speed="preset",
        lossless={"tune": "lossless", "rc": "constqp", "qp": "0", "spatial-aq": "0"},
        tag=tag,
    )


def _qsv(tag: str = "") -> EncoderSettings:
    # Without a bit rate, global_quality selects its constant quality mode.
    return EncoderSettings(
        {"preset": "medium", "b": "0"},
        crf=18,
        quality=_named("global_quality"),
        speed="preset",
        tag=tag,
    )


def _amf(tag: str = "") -> EncoderSettings:
    return EncoderSettings(
        {"usage": "high_quality", "quality": "quality", "rc": "cqp"},
        crf=18,
        quality=_named("qp_i", "qp_p"),
        speed="quality",
        tag=tag,
    )


def _videotoolbox(tag: str = "") -> EncoderSettings:
    return EncoderSettings({"allow_sw": "0", "b": "0"}, crf=17, quality=_percent, tag=tag)


_HEVC = "hvc1"

# With its code for AVX-512, x264 gives other bytes for equal frames from time to time. The CPU is
# asked because x264 takes the name of an instruction set on trust.
_X264_REPEATS = (
    {"x264-params": "asm=avx2"} if torch.backends.cpu.get_cpu_capability() == "AVX512" else {}
)

# On footage of faces x264's "medium" takes 2.5 times as long as "veryfast", which at crf 14 is as
# close to the original (46 dB) as "medium" at 18, in a larger file.
ENCODERS: dict[str, EncoderSettings] = {
    "libx264": EncoderSettings(
        {"preset": "veryfast", **_X264_REPEATS},
        crf=14,
        quality=_named("crf"),
        speed="preset",
        lossless={"qp": "0"},
    ),
    "libx265": EncoderSettings(
        {"preset": "veryfast", "x265-params": "log-level=error"},
        crf=16,
        quality=_named("crf"),
        speed="preset",
        lossless={"x265-params": "log-level=error:lossless=1"},
        tag=_HEVC,
    ),
    "libvpx-vp9": EncoderSettings(
        {"cpu-used": "5", "b": "0", "row-mt": "1", "deadline": "good"},
        crf=20,
        quality=_named("crf"),
        speed="cpu-used",
        lossless={"lossless": "1"},
        even=False,
    ),
    "libsvtav1": EncoderSettings({"preset": "9"}, crf=20, quality=_named("crf"), speed="preset"),
    "h264_nvenc": _nvenc(),
    "hevc_nvenc": _nvenc(_HEVC),
    "av1_nvenc": _nvenc(),
    "h264_qsv": _qsv(),
    "hevc_qsv": _qsv(_HEVC),
    "av1_qsv": _qsv(),
    "h264_amf": _amf(),
    "hevc_amf": _amf(_HEVC),
    "av1_amf": _amf(),
    "h264_videotoolbox": _videotoolbox(),
    "hevc_videotoolbox": _videotoolbox(_HEVC),
    # 422 HQ, or 4444 for pictures with full chroma, of which some have transparency.
    "prores_ks": EncoderSettings(
        {"profile": "3", "vendor": "apl0"},
        by_format={
            "yuv444": {"profile": "4"},
            "yuva444": {"profile": "4", "alpha_bits": "16"},
        },
    ),
    # Intra-only, as archives keep it: each frame can be read without the others.
    "ffv1": EncoderSettings({"level": "3", "slicecrc": "1", "g": "1"}, lossless={}, even=False),
    "mpeg2video": EncoderSettings(crf=2, quality=_quantiser, even=False, constant_rate=True),
    "mpeg4": EncoderSettings(crf=2, quality=_quantiser, even=False),
}

ALIASES = {
    "h264": "libx264",
    "h265": "libx265",
    "hevc": "libx265",
    "av1": "libsvtav1",
    "vp9": "libvpx-vp9",
    "prores": "prores_ks",
}
"""Names of codecs, as FFmpeg takes them too, and the encoder that is used for each."""
