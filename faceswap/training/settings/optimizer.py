"""Settings of the optimizer."""

from typing import Literal

from pydantic import Field

from faceswap.core.config import StrictModel


class OptimizerConfig(StrictModel):
    """Optimizer and learning-rate schedule."""

    name: Literal["adam", "adamw", "adabelief", "lion", "prodigy", "soap", "muon"] = Field(
        default="adam",
        description="Optimizer; muon is Muon for hidden weights, and AdamW for all others.",
    )
    lr: float = Field(
        default=5e-5,
        gt=0,
        le=1,
        description="Learning rate; 1 for prodigy, which multiplies its own estimate by it.",
    )
    beta1: float = Field(
        default=0.5,
        ge=0,
        lt=1,
        description="Decay of the first moment, of AdamW alone in muon; Lion's for its update.",
    )
    beta2: float = Field(
        default=0.999,
        ge=0,
        lt=1,
        description="Decay of the second moment, of AdamW alone in muon; Lion's for its momentum.",
    )
    eps: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Term added to the denominator; null for the optimizer's own. Lion has none.",
    )
    weight_decay: float = Field(
        default=0.0, ge=0, le=1, description="Decoupled weight decay; ignored by adam."
    )
    warmup: int = Field(default=0, ge=0, description="Steps of linear warm-up.")
    decay: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Final fraction of the budget over which the learning rate decays, to 1 %.",
    )
    schedule: Literal["linear", "cosine"] = Field(
        default="linear", description="Shape of that decay."
    )
    clip: float = Field(
        default=0.0, ge=0, description="Largest gradient norm; 0 disables clipping."
    )
    auto_clip: float = Field(
        default=0.0,
        ge=0,
        le=100,
        description="Percentile of the gradient norms of the latest 1000 steps that is the largest "
        "norm, for example 10; 0 disables it.",
    )
    lr_dropout: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Fraction of the weights that a step leaves as they are, chosen at random: "
        "learning-rate dropout.",
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of the moving average of the weights, which is exported where it is "
        "better on held-out faces; 0 disables it.",
    )
