"""Settings of the data and its augmentation."""

from pydantic import Field

from faceswap.core.config import StrictModel
from faceswap.models.references import MOST_REFERENCES


class DataConfig(StrictModel):
    """Use of the facesets."""

    coverage: float = Field(
        default=1.25, ge=0.8, le=2.0, description="Side of the training crops in face squares."
    )
    held_out: float = Field(
        default=0.05, ge=0, le=0.5, description="Fraction of the frames held out from training."
    )
    mask: str = Field(
        default="",
        description="Masker whose stored masks weight the losses and teach predicted masks; empty "
        "for the default masks of each faceset.",
    )
    match: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Fraction of each batch made of matched pairs: faces of all identities with "
        "similar pose and expression.",
    )
    references: int = Field(
        default=128,
        ge=2,
        le=MOST_REFERENCES,
        description="Real crops of each identity that a guided model keeps and warps.",
    )
    minimum: int = Field(default=32, ge=2, description="Fewest faces an identity may have.")
    workers: int | None = Field(
        default=None, ge=0, le=128, description="Data loading processes; null chooses by device."
    )


class AugmentationConfig(StrictModel):
    """Random augmentation of the training faces."""

    rotation: float = Field(default=10.0, ge=0, le=45, description="Largest rotation in degrees.")
    zoom: float = Field(default=0.05, ge=0, le=0.5, description="Largest relative change of size.")
    shift: float = Field(
        default=0.05, ge=0, le=0.5, description="Largest shift, as a fraction of the side."
    )
    flip: float = Field(default=0.5, ge=0, le=1, description="Probability of a horizontal flip.")
    warp: float = Field(
        default=0.03,
        ge=0,
        le=0.2,
        description="Standard deviation of the random warp, as a fraction of the side.",
    )
    photometric: float = Field(
        default=1.0, ge=0, le=3, description="Strength of photometric augmentation; 0 disables it."
    )
    light: float = Field(
        default=0.0,
        ge=0,
        le=3,
        description="Strength of random changes of light across a face; 0 disables them.",
    )
    colour_transfer: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that a face takes the colours of another identity.",
    )
