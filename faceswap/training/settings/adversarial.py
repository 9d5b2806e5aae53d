"""Settings of adversarial training."""

from pydantic import Field

from faceswap.core.config import StrictModel


class AdversarialConfig(StrictModel):
    """Discriminators that are trained beside the model; with weights of 0 there are none."""

    power: float = Field(
        default=0.0,
        ge=0,
        le=5,
        description="Weight of the judgement of a discriminator on decoded faces (GAN); 0 disables "
        "it. For the end of a training: 0.01 to 0.1.",
    )
    patch: int | None = Field(
        default=None,
        ge=3,
        le=640,
        description="Side of the patches that are judged in pixels; null for an eighth of the size "
        "of the decoded faces.",
    )
    dims: int = Field(
        default=16,
        ge=4,
        le=512,
        description="Channels of the discriminator's first layer; more see finer differences.",
    )
    swaps: bool = Field(
        default=False,
        description="Whether swaps of matched faces are judged as well (needs data.match > 0).",
    )
    true_face: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Weight of the judgement of a discriminator that tells identities apart by "
        "their codes; 0 disables it.",
    )
    lr: float = Field(
        default=2e-4,
        gt=0,
        le=1,
        description="Learning rate of the discriminators (Adam); it follows the schedule of the "
        "model's.",
    )
