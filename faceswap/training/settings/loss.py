"""Settings of the losses."""

from pydantic import Field

from faceswap.core.config import StrictModel


class LossConfig(StrictModel):
    """Weights of the loss terms."""

    l1: float = Field(default=1.0, ge=0, description="Weight of the L1 loss.")
    dssim: float = Field(default=1.0, ge=0, description="Weight of the DSSIM loss.")
    mask: float = Field(
        default=0.2, ge=0, description="Weight of the mask loss, for models that predict a mask."
    )
    inside: float = Field(
        default=1.0, gt=0, description="Weight of pixels inside the face, by its mask."
    )
    outside: float = Field(
        default=1.0,
        ge=0,
        description="Weight of pixels outside the face; 0 leaves the background untrained.",
    )
    features: float = Field(
        default=1.0, ge=1, description="Factor on the weight of eyes and mouth."
    )
    eyes: float = Field(default=1.0, gt=0, description="Further factor on the weight of the eyes.")
    mouth: float = Field(
        default=1.0, gt=0, description="Further factor on the weight of the mouth."
    )
    stride: int = Field(default=1, ge=1, le=4, description="Stride of the SSIM window in pixels.")
    swap: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the structural loss between a swapped face and its matched target "
        "face (needs data.match > 0).",
    )
    detail: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the difference in the amount of fine detail, against blur.",
    )
