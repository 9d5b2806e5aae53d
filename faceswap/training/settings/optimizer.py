"""Settings of the optimizer."""

from typing import Literal

from pydantic import Field

from faceswap.core.config import StrictModel


class OptimizerConfig(StrictModel):
    """Optimizer and learning-rate schedule."""

    name: Literal["adam", "adamw", "muon"] = Field(
        default="adam",
        description="Optimizer; muon is Muon for hidden weights, and AdamW for all others.",
    )
    lr: float = Field(default=5e-5, gt=0, le=1, description="Learning rate.")
    beta1: float = Field(
        default=0.5, ge=0, lt=1, description="Decay of the first moment of Adam and AdamW."
    )
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="Decay of the second moment of Adam and AdamW."
    )
    weight_decay: float = Field(
        default=0.0, ge=0, le=1, description="Weight decay (adamw and muon)."
    )
    warmup: int = Field(default=0, ge=0, description="Steps of linear warm-up.")
    decay: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Final fraction of the budget over which the learning rate decays to 0.",
    )
    clip: float = Field(
        default=0.0, ge=0, description="Largest gradient norm; 0 disables clipping."
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of the moving average of the weights that is evaluated and exported; "
        "0 disables it.",
    )
