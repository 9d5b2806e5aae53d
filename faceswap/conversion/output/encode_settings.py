"""How converted videos and photos are encoded."""

from dataclasses import asdict, dataclass, field
from typing import Any

from faceswap.conversion.output.views import Shown
from faceswap.media.encoders import VideoEncoding
from faceswap.media.other_audio import OtherAudio


@dataclass(frozen=True)
class EncodeSettings:
    """Encoding of converted video and photos.

    Attributes:
        video: Encoder of videos and its settings.
        quality: JPEG quality of converted photos and animated WebP, 1 to 100.
        deinterlace: Whether interlaced video is deinterlaced.
        view: View that is written of each frame of a video.
        bits: Bits per channel of image sequences and patches, 8 or 16; None for 16 if the video has
            more than 8.
        audio: Other audio instead of that of a video; None keeps that.
    """

    video: VideoEncoding = field(default_factory=VideoEncoding)
    quality: int = 95
    deinterlace: bool = False
    view: Shown = "swap"
    bits: int | None = None
    audio: OtherAudio | None = None

    def record(self) -> dict[str, Any]:
        """Settings that the result depends on: of other audio its content, and not its path."""
        settings = asdict(self)
        if self.audio is not None:
            settings["audio"] = {"sha256": self.audio.sha256}
        return settings
