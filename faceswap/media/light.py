"""Light metadata of HDR video: the display it was mastered on, and its brightest pixels."""

import struct
from dataclasses import dataclass
from fractions import Fraction

from av import VideoFrame

# The options of each encoder, and its names of the two values in them.
_OPTIONS = {
    "libx264": ("x264-params", "mastering-display", "cll"),
    "libx265": ("x265-params", "master-display", "max-cll"),
    "libsvtav1": ("svtav1-params", "mastering-display", "content-light"),
}
_CHROMATICITY, _LUMINANCE = 50_000, 10_000  # units in H.264 and H.265
_BRIGHTEST = 100_000  # cd/m2


@dataclass(frozen=True)
class LightMetadata:
    """SMPTE ST 2086 and CTA-861.3 metadata; an empty tuple where there is none.

    Attributes:
        display: x and y of red, green, blue and white, then least and greatest luminance in cd/m2.
        levels: Maximum content light level and maximum frame-average light level in cd/m2.
    """

    display: tuple[Fraction, ...] = ()
    levels: tuple[int, ...] = ()

    @classmethod
    def of_frame(cls, frame: VideoFrame) -> "LightMetadata | None":
        """Reads the metadata of a decoded frame; None if it has none."""
        display: tuple[Fraction, ...] = ()
        levels: tuple[int, ...] = ()
        data = frame.side_data.get("MASTERING_DISPLAY_METADATA")
        if data is not None:
            *numbers, primaries, luminance = struct.unpack_from("=22i", bytes(data))
            pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
            if primaries and luminance and all(below > 0 for _, below in pairs):
                display = tuple(Fraction(above, below) for above, below in pairs)
                # Encoders refuse values out of range.
                if not all(0 <= value <= 1 for value in display[:8]) or not all(
                    0 <= value <= _BRIGHTEST for value in display[8:]
                ):
                    display = ()
        data = frame.side_data.get("CONTENT_LIGHT_LEVEL")
        if data is not None:
            levels = struct.unpack_from("=2I", bytes(data))
            levels = levels if max(levels) < 1 << 16 else ()
        return cls(display, levels) if display or levels else None

    def encoder_options(self, encoder: str) -> dict[str, str] | None:
        """Options with which an encoder writes the metadata; None if it cannot."""
        if encoder not in _OPTIONS:
            return None
        option, display, levels = _OPTIONS[encoder]
        parts = []
        if self.display:
            parts.append(f"{display}={self._display_text(encoder)}")
        if self.levels:
            parts.append(f"{levels}={self.levels[0]},{self.levels[1]}")
        return {option: ":".join(parts)}

    def _display_text(self, encoder: str) -> str:
        if encoder == "libsvtav1":
            colours = [f"{float(value):.5f}" for value in self.display[:8]]
            least, most = (f"{float(value):.4f}" for value in self.display[8:])
        else:
            colours = [str(round(value * _CHROMATICITY)) for value in self.display[:8]]
            least, most = (str(round(value * _LUMINANCE)) for value in self.display[8:])
        red, green, blue, white = (",".join(colours[i : i + 2]) for i in range(0, 8, 2))
        return f"G({green})B({blue})R({red})WP({white})L({most},{least})"
