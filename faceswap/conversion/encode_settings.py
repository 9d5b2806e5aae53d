"""How converted videos and photos are encoded."""

from dataclasses import dataclass, field

from faceswap.media.encoders import VideoEncoding


@dataclass(frozen=True)
class EncodeSettings:
    """Encoding of converted video and photos.

    Attributes:
        video: Encoder of videos and its settings.
        quality: JPEG quality of converted photos and animated WebP, 1 to 100.
        deinterlace: Whether interlaced video is deinterlaced.
    """

    video: VideoEncoding = field(default_factory=VideoEncoding)
    quality: int = 95
    deinterlace: bool = False
