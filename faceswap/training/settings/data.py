"""Settings of the data and its augmentation."""

from typing import Annotated

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from faceswap.core.config import StrictModel
from faceswap.data.recolouring import LINEAR, transfer_names
from faceswap.models.references import MOST_REFERENCES

Fraction = Annotated[float, Field(ge=0, le=1)]


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
    match_pose: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="Weight of yaw and pitch in the search for matched pairs, beside landmarks.",
    )
    balance_pose: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Balance of poses: 0 leaves yaw and pitch as frequent as in the footage, 1 "
        "makes all that occur equally frequent.",
    )
    balance_expression: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="The same balance of the opening of mouth and eyes.",
    )
    balance_sources: bool = Field(
        default=False,
        description="Whether all facesets of an identity, and people in them, are equally "
        "frequent, whatever their size.",
    )
    sharpness: float = Field(
        default=0.0,
        ge=0,
        le=8,
        description="Exponent of the relative sharpness with which blurred faces are less "
        "frequent; 0 ignores sharpness.",
    )
    skip_blurred: float = Field(
        default=0.0,
        ge=0,
        le=0.9,
        description="Fraction of the faces of each identity, the least sharp ones, that are not "
        "trained on.",
    )
    references: int = Field(
        default=128,
        ge=2,
        le=MOST_REFERENCES,
        description="Real crops of each identity that a guided model keeps and warps.",
    )
    minimum: int = Field(default=32, ge=2, description="Fewest faces an identity may have.")
    window: int = Field(
        default=16384, ge=1, description="Number of faces of packs that are mixed at a time, about."
    )
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
    flip: Fraction | dict[str, Fraction] = Field(
        default=0.5,
        description="Probability of a horizontal flip: of all faces, or a mapping of identities to "
        "theirs; identities that it does not name are not flipped.",
    )
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
    colour_method: str = Field(
        default=LINEAR,
        description=f"Colour transfer: {', '.join(transfer_names())}.",
    )
    clahe: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that the local contrast of a face is equalised (CLAHE).",
    )
    degradation: float = Field(
        default=0.0,
        ge=0,
        le=2,
        description="Strength of random blur, low resolution, noise and compression of the inputs; "
        "targets stay sharp. 0 disables it.",
    )
    landmark_warp: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability that an input is warped to the landmarks of a similar face of "
        "another identity.",
    )

    @field_validator("flip", mode="wrap")
    @classmethod
    def _fractions(
        cls, value: object, check: ValidatorFunctionWrapHandler
    ) -> float | dict[str, float]:
        try:
            return check(value)
        except ValidationError as error:  # one for each type that it might have
            raise ValueError(
                "expected a number from 0 to 1, or a mapping of identities to such numbers"
            ) from error

    @field_validator("colour_method")
    @classmethod
    def _known_method(cls, value: str) -> str:
        if value not in transfer_names():
            raise ValueError(f"expected one of {', '.join(transfer_names())}")
        return value
