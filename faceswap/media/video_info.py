"""Metadata of a video file."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from faceswap.media.colour import ColourTags
from faceswap.media.filters import CENTRE, LEFT, Fields
from faceswap.media.light import LightMetadata
from faceswap.media.orientation import Orientation

# Codecs whose decoders always tell where chroma is.
_TELLING_CODECS = frozenset({"h264", "hevc", "mpeg1video", "mpeg2video", "mjpeg"})


@dataclass(frozen=True)
class VideoInfo:
    """Metadata of a video file.

    Attributes:
        path: Video file.
        width: Width in pixels of the upright picture.
        height: Height in pixels of the upright picture.
        fps: Average frames per second.
        frames: Number of frames, from the header or estimated from the duration.
        duration: Duration in seconds; 0 if unknown.
        orientation: Transformation of stored pictures into upright ones.
        time_base: Seconds per unit of ``Frame.pts``.
        audio_streams: Number of audio streams.
        colour: Colour tags of the stream.
        pixel_aspect: Width over height of one pixel of the upright picture.
        pixel_format: FFmpeg's name of the stored pixel format.
        codec: FFmpeg's name of the codec.
        light: Light metadata of HDR video, if it has any.
        chroma: Place of chroma in stored pictures across and down, as of ``ChromaAxis``.
        fields: Order of the fields of interlaced video, ``tff`` (upper first) or ``bff``; empty for
            progressive video.
    """

    path: Path
    width: int
    height: int
    fps: Fraction
    frames: int
    duration: float
    orientation: Orientation
    time_base: Fraction
    audio_streams: int
    colour: ColourTags
    pixel_aspect: Fraction
    pixel_format: str
    codec: str
    light: LightMetadata | None = None
    chroma: tuple[float, float] = LEFT
    fields: Fields = ""

    @classmethod
    def for_new(cls, width: int, height: int, fps: Fraction | int) -> "VideoInfo":
        """Metadata of a new video: BT.709, time stamps are frame indices."""
        return cls(
            path=Path(),
            width=width,
            height=height,
            fps=Fraction(fps),
            frames=0,
            duration=0.0,
            orientation=Orientation(),
            time_base=1 / Fraction(fps),
            audio_streams=0,
            colour=ColourTags(matrix=1, range=1, primaries=1, transfer=1),
            pixel_aspect=Fraction(1),
            pixel_format="yuv420p",
            codec="",
        )

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height in pixels of stored pictures."""
        return self.orientation.size(self.width, self.height)

    @property
    def tells_chroma(self) -> bool:
        """Whether chroma is known to be where ``chroma`` says, rather than that not being told."""
        return self.chroma != CENTRE or self.codec in _TELLING_CODECS

    @property
    def display_aspect(self) -> float:
        """Pixel aspect for ``Frame``; 1 if the file claims one that no camera or disc has."""
        return float(self.pixel_aspect) if 1 / 4 <= self.pixel_aspect <= 4 else 1.0

    @property
    def rotation(self) -> int:
        """Clockwise rotation in degrees, a multiple of 90, that makes stored pictures upright."""
        return self.orientation.rotation
