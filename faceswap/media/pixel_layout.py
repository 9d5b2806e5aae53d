"""How pixel formats store a picture: kind of values, depth, subsampling of chroma, opacity."""

from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from av import VideoFormat

Kind = Literal["yuv", "rgb", "grey"]

_DEPTHS = (8, 9, 10, 12, 14, 16)


@dataclass(frozen=True)
class PixelLayout:
    """What a pixel format stores, whatever the order in memory.

    Attributes:
        kind: Y'CbCr, RGB (palettes included), or grey.
        bits: Bits per channel.
        across: Number of pixels that share a chroma value in a row.
        down: Number of pixels that share a chroma value in a column.
        alpha: Whether opacity is stored.
    """

    kind: Kind
    bits: int
    across: int = 1
    down: int = 1
    alpha: bool = False

    @property
    def planar(self) -> str:
        """FFmpeg's name of the planar little-endian format with this layout."""
        depth = f"{self.bits}le" if self.bits > 8 else ""
        if self.kind == "grey":
            return f"gray{depth}"
        if self.kind == "rgb":
            return f"gbr{'a' * self.alpha}p{depth}"
        ratio = {(1, 1): "444", (2, 1): "422", (2, 2): "420", (1, 2): "440"}
        return f"yuv{'a' * self.alpha}{ratio[self.across, self.down]}p{depth}"


@cache
def pixel_layout(name: str) -> PixelLayout:
    """The layout in which a picture of a pixel format can be kept without a loss.

    Formats whose chroma is shared by four pixels in a row or column (4:1:1, 4:1:0) become 4:4:4,
    and grey with opacity becomes RGB.

    Args:
        name: FFmpeg's name of the pixel format.
    """
    stored = VideoFormat(name, 16, 16)
    components = stored.components
    bits = min(max(component.bits for component in components), 16)
    alpha = stored.has_palette or any(component.is_alpha for component in components)
    # Chroma that is not subsampled is not called so by PyAV.
    chroma = [component for component in components if not component.is_alpha][1:]
    if stored.is_rgb or stored.has_palette or name.startswith("xyz") or (alpha and not chroma):
        return _at_least(bits, PixelLayout("rgb", 8, alpha=alpha))
    if not chroma:
        return _at_least(bits, PixelLayout("grey", 8))
    across, down = 16 // chroma[0].width, 16 // chroma[0].height
    if max(across, down) > 2:
        across = down = 1
    return _at_least(bits, PixelLayout("yuv", 8, across, down, alpha))


def with_alpha(name: str) -> str:
    """FFmpeg's name of the planar format nearest to a pixel format that stores opacity, too."""
    layout = pixel_layout(name)
    if layout.kind == "grey":
        layout = PixelLayout("rgb", layout.bits)
    if layout.down > layout.across:  # 4:4:0
        layout = replace(layout, down=1)
    return _at_least(layout.bits, replace(layout, alpha=True)).planar


def _at_least(bits: int, layout: PixelLayout) -> PixelLayout:
    """The layout with the least depth from ``bits`` on for which FFmpeg has a format."""
    deeper = (replace(layout, bits=depth) for depth in _DEPTHS if depth >= bits)
    return next(each for each in deeper if _exists(each.planar))


def _exists(name: str) -> bool:
    try:
        VideoFormat(name, 16, 16)
    except ValueError:
        return False
    return True
