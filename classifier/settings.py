"""Settings of a training; a recipe in ``configs/classifier/`` is a difference from these."""

from typing import Literal

from pydantic import Field

from faceswap.core.config import StrictModel


class NetworkSettings(StrictModel):
    """Which network is trained."""

    name: str = Field(default="lenet5", description="Name in the registry of networks.")
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of that network."
    )


class DataSettings(StrictModel):
    """How images become batches."""

    validation: float = Field(
        default=0.2, gt=0, lt=1, description="Share kept aside where the folder has no val/."
    )
    batch_size: int = Field(default=64, ge=1, description="Images a step, over all processes.")
    flip: bool = Field(default=False, description="Mirror every other image at random.")
    shift: int = Field(default=0, ge=0, description="Move images by up to so many pixels.")


class OptimizerSettings(StrictModel):
    """AdamW."""

    lr: float = Field(default=1e-3, gt=0, description="Learning rate.")
    weight_decay: float = Field(default=1e-2, ge=0, description="Decoupled weight decay.")


class Settings(StrictModel):
    """All settings of a training."""

    network: NetworkSettings = NetworkSettings()
    data: DataSettings = DataSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    epochs: int = Field(default=30, ge=1, description="Passes over the training images.")
    seed: int = Field(default=0, ge=0, description="Fixes split, order, weights, augmentation.")
    precision: Literal["fp32", "bf16", "fp16"] = Field(
        default="fp32", description="Arithmetic of the forward pass."
    )
    device: Literal["auto", "cpu"] = Field(default="auto", description="Where to compute.")
    keep: int = Field(default=2, ge=1, description="How many of the last checkpoints to keep.")
