"""Chooses the pixel format in which an encoder keeps most of a picture."""

import av
from av import VideoFormat

from faceswap.core.errors import MediaError
from faceswap.media.pixel_layout import PixelLayout, pixel_layout

# Encoders that store RGB as it is. Others list RGB formats too, which hardly any player shows.
_WITH_RGB = frozenset({"ffv1"})
# Formats with opacity that players show. What libx265 writes is shown by few of them.
_WITH_ALPHA = {"ffv1": "", "prores_ks": "yuva444", "libvpx-vp9": "yuva420"}
# Formats that are not what they are taken for here: more subsampled, of floats, of full range.
_OTHERS = ("yuv410", "yuv411", "yuvj", "yaf", "grayf", "gbrpf", "gbrapf", "gray", "ya")

ALPHA_HINT = ".mov with prores, .mkv with ffv1, and .webm can hold it"


def choose_deep_format(
    name: str, source: PixelLayout, width: int, height: int, *, even: bool = True
) -> str:
    """The pixel format of an encoder that keeps most of pictures: their own, or the nearest.

    Depth comes first, then opacity and the resolution of chroma. Grey becomes 4:2:0 with the same
    luma, and RGB 4:2:0 unless the encoder is made for RGB: that is what every player shows.

    Args:
        name: FFmpeg's name of the encoder.
        source: Layout of the pictures.
        width: Width in pixels.
        height: Height in pixels.
        even: Whether the encoder needs even sizes in 4:2:0.

    Raises:
        MediaError: The encoder supports even sizes only, and the size is odd.
    """
    found = _layouts(name)
    if even and (width % 2 or height % 2):
        found = {each: kept for each, kept in found.items() if kept.across == kept.down == 1}
    if not found:
        raise MediaError(
            f"The encoder {name!r} supports even sizes only, found {width} x {height}.",
            "Use libx264 or libvpx-vp9.",
        )
    return min(found, key=lambda each: _distance(each, found[each], source))


def check_format(name: str, pixel_format: str) -> None:
    """Checks a pixel format that was asked for.

    Args:
        name: FFmpeg's name of the encoder.
        pixel_format: FFmpeg's name of the pixel format.

    Raises:
        MediaError: The encoder does not have it.
    """
    formats = [known.name for known in av.Codec(name, "w").video_formats or ()]
    if formats and pixel_format not in formats:
        raise MediaError(
            f"The encoder {name!r} has no pixel format {pixel_format!r}.",
            f"Use one of {', '.join(formats)}.",
        )


def encodes_alpha(name: str) -> bool:
    """Whether an encoder writes opacity that players show.

    Args:
        name: FFmpeg's name of the encoder.
    """
    return name in _WITH_ALPHA


def _layouts(name: str) -> dict[str, PixelLayout]:
    """Layouts of the pixel formats of an encoder that players show."""
    formats = [known.name for known in av.Codec(name, "w").video_formats or ()] or ["yuv420p"]
    found = {
        each: pixel_layout(each)
        for each in formats
        if not each.startswith(_OTHERS) and _is_full(VideoFormat(each, 16, 16))
    }
    shown = {
        each: kept
        for each, kept in found.items()
        if (kept.kind != "rgb" or name in _WITH_RGB)
        and (not kept.alpha or each.startswith(_WITH_ALPHA.get(name, "none")))
    }
    return shown or found


def _is_full(stored: VideoFormat) -> bool:
    """Whether a format has 8 bits or more of each channel."""
    # Surfaces in the memory of a device have no components.
    depths = [component.bits for component in stored.components]
    return bool(depths) and min(depths) >= 8 and not stored.has_palette


def _distance(name: str, kept: PixelLayout, source: PixelLayout) -> tuple[int, ...]:
    """What a format loses of pictures, the worst first, and then what it adds to them."""
    across, down = (source.across, source.down) if source.kind == "yuv" else (2, 2)
    if source.kind == kept.kind == "rgb":
        across = down = 1
    return (
        max(0, source.bits - kept.bits),
        (source.kind == "rgb") != (kept.kind == "rgb"),
        source.alpha > kept.alpha,
        (kept.across > across) + (kept.down > down),
        (kept.across < across) + (kept.down < down),
        max(0, kept.bits - source.bits),
        kept.alpha > source.alpha,
        name != kept.planar,
    )


def format_losses(name: str, kept: PixelLayout, source: PixelLayout) -> list[str]:
    """Lines about what pictures lose in the format of an encoder; transparency is not listed.

    Args:
        name: FFmpeg's name of the encoder.
        kept: Layout that is encoded.
        source: Layout of the pictures.
    """
    lines = []
    if kept.bits < source.bits:
        lines.append(
            f"{source.bits} bits per channel were reduced to {kept.bits}: {name} cannot write more"
        )
    if source.kind == "rgb" and kept.kind != "rgb":
        lines.append(f"colours of RGB were stored as {_ratio(kept)}; .mkv with ffv1 keeps RGB")
    elif source.kind == "yuv" and (kept.across > source.across or kept.down > source.down):
        lines.append(
            f"the resolution of chroma was reduced from {_ratio(source)} to {_ratio(kept)}:"
            f" {name} cannot write more"
        )
    return lines


def _ratio(layout: PixelLayout) -> str:
    ratios = {(1, 1): "4:4:4", (2, 1): "4:2:2", (2, 2): "4:2:0", (1, 2): "4:4:0"}
    return ratios[layout.across, layout.down]
