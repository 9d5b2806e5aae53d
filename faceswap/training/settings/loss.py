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
    mask_margin: float = Field(
        default=0.0,
        ge=-0.1,
        le=0.1,
        description="Margin around the face that counts as inside, as a fraction of the side; "
        "negative narrows the face.",
    )
    mask_blur: float = Field(
        default=0.0,
        ge=0,
        le=0.1,
        description="Blur of the border between inside and outside, as a fraction of the side.",
    )
    l2: float = Field(default=0.0, ge=0, description="Weight of the L2 loss.")
    log_cosh: float = Field(default=0.0, ge=0, description="Weight of the log-cosh loss.")
    ms_ssim: float = Field(
        default=0.0, ge=0, description="Weight of the multi-scale structural loss (MS-SSIM)."
    )
    gmsd: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the deviation of the similarity of gradients (GMSD).",
    )
    gradient: float = Field(
        default=0.0, ge=0, description="Weight of the difference of pixel gradients."
    )
    laplacian: float = Field(
        default=0.0, ge=0, description="Weight of the differences of a Laplacian pyramid."
    )
    focal_frequency: float = Field(
        default=0.0, ge=0, description="Weight of the focal frequency loss."
    )
    total_variation: float = Field(
        default=0.0, ge=0, description="Weight of the total variation of decoded faces."
    )
    background: float = Field(
        default=0.0, ge=0, description="Weight of the L2 loss outside the face."
    )
    lpips: float = Field(
        default=0.0,
        ge=0,
        description="Weight of LPIPS (needs AlexNet: faceswap weights fetch alexnet).",
    )
    identity: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the cosine distance of the embeddings of decoded faces and targets.",
    )
    identity_swap: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the cosine distance of the embeddings of swaps and their identity.",
    )
    identity_network: str = Field(
        default="mobilefacenet",
        description="Recognition network of the identity losses; faceswap evaluate then does not "
        "measure identity with it.",
    )
    face_style: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the difference of local colours of swaps and the replaced faces.",
    )
    background_style: float = Field(
        default=0.0,
        ge=0,
        description="Weight of the difference of swaps and the replaced faces outside the face.",
    )
