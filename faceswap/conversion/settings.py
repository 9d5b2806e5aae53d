"""Settings of a conversion; recipes in ``configs/convert/`` override these defaults."""

from typing import Annotated, Literal

from pydantic import Field

from faceswap.conversion.colour.match import STEADY, TRANSFER
from faceswap.conversion.detail.chain import MATCHED
from faceswap.conversion.faces.targets import FADE
from faceswap.conversion.output.views import Shown
from faceswap.core.config import StrictModel, UserPath
from faceswap.people.embeddings import SAME_PERSON


class DecodeConfig(StrictModel):
    """How faces are decoded."""

    morph: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Fraction of the channels of the target identity, the remaining ones being "
        "those of the other identities; only for models of the family amp. Null for 1.",
    )


class MaskConfig(StrictModel):
    """Which pixels of a face are replaced."""

    name: str = Field(
        default="hull",
        description="Masker of the replaced pixels; a product such as hull*segmentation; or "
        "predicted, for the mask that the model predicts.",
    )
    model: UserPath | None = Field(
        default=None,
        description="Run or model of `classifier train` for the masker segmentation; null for "
        "face_masks among the weights.",
    )
    erode: float = Field(
        default=0.0,
        ge=-50,
        le=50,
        description="Erosion of the mask in percent of the face size; negative values dilate.",
    )
    erode_top: float = Field(default=0.0, ge=-50, le=50, description="Erosion from above.")
    erode_bottom: float = Field(default=0.0, ge=-50, le=50, description="Erosion from below.")
    erode_left: float = Field(default=0.0, ge=-50, le=50, description="Erosion from image left.")
    erode_right: float = Field(default=0.0, ge=-50, le=50, description="Erosion from image right.")
    feather: float = Field(
        default=4.0,
        ge=0,
        le=50,
        description="Width of the soft mask edge in percent of the face size.",
    )
    keep: tuple[Literal["eyes", "mouth"], ...] = Field(
        default=(), description="Features of the frame's own face that are not replaced."
    )
    clean: bool = Field(
        default=False,
        description="Whether the frame stays where a swapped face shows hair or background at the "
        "border of the mask.",
    )
    predicted: bool = Field(
        default=True,
        description="Whether the mask that a model predicts is multiplied with the others.",
    )
    occluders: Literal["none", "hands", "all"] = Field(
        default="hands",
        description="What is found in front of faces, and stays in front; 'all' means hands and, "
        "in videos, objects.",
    )


class ColourConfig(StrictModel):
    """Colours of the swapped face."""

    transfer: str = Field(default=TRANSFER, description="Colour transfer.")
    border_light: bool | None = Field(
        default=None,
        description="Whether the light at the border of the mask becomes that of the frame; null "
        "for yes, unless the transfer is none.",
    )
    smooth: int = Field(
        default=STEADY,
        ge=0,
        le=100,
        description="Frames before and after each over which the colours of a track are averaged.",
    )

    @property
    def lit(self) -> bool:
        """Whether the light at the border is matched."""
        return self.transfer != "none" if self.border_light is None else self.border_light


class BlendConfig(StrictModel):
    """How the swapped face is blended with the frame."""

    method: str = Field(default="pyramid", description="Blend: alpha, pyramid or poisson.")


class DetailConfig(StrictModel):
    """Sharpness, noise and place of the swapped face; 0 omits a step."""

    sharpen: float = Field(default=0.0, ge=0, le=10, description="Amount of unsharp masking.")
    radius: float = Field(
        default=1.0,
        gt=0,
        le=20,
        description="Radius of unsharp masking in percent of the face size.",
    )
    skin: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of the fine detail of the frame's own skin that is added.",
    )
    enhancers: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(
        default_factory=dict, description="Strength of each further enhancer by its name."
    )
    softness: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of the blur that makes the face as soft as the footage.",
    )
    motion_blur: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of the time between two frames that the shutter is open.",
    )
    grain: float = Field(
        default=MATCHED,
        ge=0,
        le=1,
        description="Fraction of the noise that makes the face as noisy as the footage.",
    )
    degrade: float = Field(default=0.0, ge=0, le=1, description="Loss of resolution.")
    reduce_colours: float = Field(default=0.0, ge=0, le=1, description="Loss of colours.")
    scale: float = Field(
        default=0.0, ge=-50, le=50, description="Change of the size of the face in percent."
    )
    offset_x: float = Field(
        default=0.0, ge=-50, le=50, description="Shift to the right in percent of the face size."
    )
    offset_y: float = Field(
        default=0.0, ge=-50, le=50, description="Shift downwards in percent of the face size."
    )


class FacesConfig(StrictModel):
    """Which faces are swapped, and how they begin and end."""

    threshold: float = Field(
        default=SAME_PERSON,
        ge=-1,
        le=1,
        description="Cosine similarity from which a person is the one of a photo or faceset.",
    )
    fade: int = Field(
        default=FADE,
        ge=0,
        le=100,
        description="Frames over which a face fades where its track begins or ends within a shot.",
    )


class EncodeConfig(StrictModel):
    """Encoding of converted videos and photos."""

    encoder: str | None = Field(
        default=None, description="FFmpeg name of the video encoder; null chooses by container."
    )
    crf: int | None = Field(
        default=None,
        ge=0,
        le=63,
        description="Constant rate factor, lower is better; null for near-transparent quality.",
    )
    preset: str | None = Field(
        default=None, description="Preset of the encoder; null for a fast one."
    )
    lossless: bool = Field(
        default=False, description="Whether the pixels of videos are stored without loss."
    )
    pixel_format: str | None = Field(
        default=None,
        description="FFmpeg name of the pixel format of videos; null keeps that of the source.",
    )
    deinterlace: bool = Field(
        default=False,
        description="Whether interlaced video is deinterlaced; otherwise its fields are kept.",
    )
    quality: int = Field(
        default=95,
        ge=1,
        le=100,
        description="Quality of converted photos in JPEG and WebP, and of animated WebP.",
    )
    view: Shown = Field(
        default="swap",
        description="What is written of each frame of a video: the converted frame (swap), "
        "side-by-side with the source, the amplified difference from it, the mask, the faces alone "
        "with transparency (alpha), or a picture of each face for compositors (patch).",
    )
    audio: str | None = Field(
        default=None,
        description="File whose audio is heard instead of that of a video, or none; null keeps it.",
    )
    bits: Literal[8, 16] | None = Field(
        default=None,
        description="Bits per channel of image sequences and patches; null for those of the video.",
    )


class ConvertConfig(StrictModel):
    """All settings of a conversion."""

    decode: DecodeConfig = DecodeConfig()
    mask: MaskConfig = MaskConfig()
    colour: ColourConfig = ColourConfig()
    blend: BlendConfig = BlendConfig()
    detail: DetailConfig = DetailConfig()
    faces: FacesConfig = FacesConfig()
    encode: EncodeConfig = EncodeConfig()
