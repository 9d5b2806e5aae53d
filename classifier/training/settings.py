"""Settings of a training; a recipe in ``configs/classifier/`` is a difference from these."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from faceswap.core.config import StrictModel


class NetworkSettings(StrictModel):
    """Which network is trained, and what it knows beforehand."""

    name: str = Field(
        default="lenet5", description="A network of ours, of torchvision, or timm:NAME."
    )
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of that network."
    )
    size: int | None = Field(
        default=None, ge=8, description="Side of the images it sees; null is the network's own."
    )
    pretrained: bool = Field(default=False, description="Begin with the published weights.")
    weights: Path | None = Field(default=None, description="Begin with the weights of this file.")


class TransferSettings(StrictModel):
    """How a network that knows something is taught something else."""

    mode: Literal["scratch", "features", "finetune", "gradual"] = Field(
        default="scratch",
        description="scratch: all layers alike; features: the head alone, on features computed "
        "once; finetune: lower rates towards the input; gradual: one group of layers after "
        "another, from the head down.",
    )
    first_rate: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Rate of the first layers over that of the head; those between lie between.",
    )
    unfreeze_every: int = Field(
        default=1, ge=1, description="Epochs until gradual frees one group more."
    )


class DataSettings(StrictModel):
    """Which images are trained on, and how they become batches."""

    classes: Path | None = Field(
        default=None, description="File with the names of the classes of masks."
    )
    validation: float = Field(
        default=0.2, gt=0, lt=1, description="Share kept aside where the data are not divided."
    )
    group: str = Field(
        default="",
        description="Regular expression with one group; images whose file names give the same "
        "text (a person, a video) stay on one side of the split.",
    )
    classes: Path | None = Field(
        default=None,
        description="File that names the classes in order (classes.txt or classes.csv), where "
        "none lies in the folder.",
    )
    height: int | None = Field(
        default=None, ge=8, description="Height images with masks are scaled to; null keeps it."
    )
    width: int | None = Field(default=None, ge=8, description="The same for the width.")
    batch_size: int = Field(default=64, ge=1, description="Images a step, over all processes.")
    balance: Literal["none", "loss", "sampling"] = Field(
        default="loss",
        description="Rare classes count as much as frequent ones: by weights in the loss (median "
        "frequency for pixels), by being drawn more often, or not at all.",
    )


class AugmentSettings(StrictModel):
    """How training images are varied."""

    flip: bool = Field(default=False, description="Mirror every other image.")
    shift: int = Field(default=0, ge=0, description="Move images by up to so many pixels.")
    crop: float = Field(
        default=1.0, gt=0, le=1, description="Smallest share of the area that a random crop keeps."
    )
    rotate: float = Field(default=0.0, ge=0, le=180, description="Turn by up to so many degrees.")
    colour: float = Field(
        default=0.0, ge=0, le=1, description="Strength of changes of light and colour."
    )
    policy: Literal["none", "randaugment", "trivial"] = Field(
        default="none", description="RandAugment (Cubuk et al., 2020) or TrivialAugment (2021)."
    )
    operations: int = Field(default=2, ge=1, description="How many RandAugment puts together.")
    magnitude: float = Field(default=0.3, ge=0, le=1, description="How strong RandAugment is.")
    erase: float = Field(default=0.0, ge=0, le=1, description="Share of images with a hole.")
    mixup: float = Field(
        default=0.0, ge=0, description="Alpha of mixup (Zhang et al., 2018); 0 is off."
    )
    cutmix: float = Field(
        default=0.0, ge=0, description="Alpha of CutMix (Yun et al., 2019); 0 is off."
    )


class OptimizerSettings(StrictModel):
    """The optimizer and its rate over time."""

    name: Literal["adamw", "sgd", "rmsprop"] = Field(default="adamw", description="Which one.")
    lr: float = Field(default=1e-3, gt=0, description="Highest learning rate.")
    weight_decay: float = Field(
        default=1e-2, ge=0, description="Decay of weights; biases and norms have none."
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Of SGD and RMSprop.")
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        default="cosine", description="How the rate falls over the epochs."
    )
    decay: float = Field(
        default=0.995, gt=0, le=1, description="What exponential leaves of the rate each epoch."
    )
    warmup: float = Field(
        default=0.0, ge=0, description="Epochs over which the rate rises at the beginning."
    )
    clip: float = Field(default=0.0, ge=0, description="Largest norm of the gradient; 0 is off.")
    label_smoothing: float = Field(
        default=0.0, ge=0, lt=1, description="Share of the target given to all classes alike."
    )
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of the mean of weights that is evaluated and exported; 0 is off.",
    )


class Settings(StrictModel):
    """All settings of a training."""

    network: NetworkSettings = NetworkSettings()
    transfer: TransferSettings = TransferSettings()
    data: DataSettings = DataSettings()
    augment: AugmentSettings = AugmentSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    epochs: int = Field(default=30, ge=1, description="Passes over the training images.")
    patience: int = Field(
        default=0, ge=0, description="Stop after so many epochs without a better one; 0 never."
    )
    seed: int = Field(default=0, ge=0, description="Fixes split, order, weights, augmentation.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Arithmetic of the forward pass; auto is bf16 where the hardware does it.",
    )
    channels_last: bool = Field(default=True, description="Memory layout of images.")
    device: Literal["auto", "cpu"] = Field(default="auto", description="Where to compute.")
    keep: int = Field(default=2, ge=1, description="How many of the last checkpoints to keep.")
