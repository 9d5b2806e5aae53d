"""Settings of a training; recipes in ``configs/classifier/`` override these defaults."""

from typing import Literal

from pydantic import Field

from faceswap.core.config import StrictModel, UserPath


class NetworkSettings(StrictModel):
    """The network and its initial weights."""

    name: str = Field(
        default="lenet5",
        description="Name of a built-in network, a torchvision network, or timm:NAME.",
    )
    options: dict[str, bool | int | float | str] = Field(
        default_factory=dict, description="Options of the network."
    )
    size: int | None = Field(
        default=None,
        ge=8,
        description="Side of the input images in pixels; null is the network's own.",
    )
    pretrained: bool = Field(default=False, description="Start from the published weights.")
    weights: UserPath | None = Field(
        default=None, description="Start from the weights in this file."
    )


class TransferSettings(StrictModel):
    """Transfer learning."""

    mode: Literal["scratch", "features", "finetune", "gradual"] = Field(
        default="scratch",
        description="scratch: all layers at the same rate; features: only the head, on features "
        "computed once; finetune: lower rates towards the input; gradual: finetune with groups of "
        "layers unfrozen one after another, from the head down.",
    )
    first_rate: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="Learning rate of the first layers over that of the head.",
    )
    unfreeze_every: int = Field(
        default=1, ge=1, description="Epochs until gradual unfreezes the next group."
    )


class DataSettings(StrictModel):
    """Data set, splits and batches."""

    validation: float = Field(
        default=0.2,
        gt=0,
        lt=1,
        description="Fraction of each class used for validation if the data have no such split.",
    )
    group: str = Field(
        default="",
        description="Regular expression with one group, matched against file names; images with "
        "the same text (a person, a video) stay in one split.",
    )
    classes: UserPath | None = Field(
        default=None,
        description="File that names the classes in order (classes.txt or classes.csv); null "
        "uses the one in the data folder, if there is one.",
    )
    height: int | None = Field(
        default=None,
        ge=8,
        description="Height that images with masks are scaled to; null keeps it.",
    )
    width: int | None = Field(
        default=None, ge=8, description="Width that images with masks are scaled to; null keeps it."
    )
    batch_size: int = Field(
        default=64, ge=1, description="Batch size: images per step, over all processes."
    )
    balance: Literal["none", "loss", "sampling"] = Field(
        default="loss",
        description="Class balancing: weights in the loss (median frequency for pixels), "
        "oversampling of rare classes, or none.",
    )


class AugmentSettings(StrictModel):
    """Augmentation of the training images."""

    flip: bool = Field(default=False, description="Random horizontal flip.")
    shift: int = Field(default=0, ge=0, description="Largest random shift in pixels.")
    crop: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Smallest fraction of the area that a random crop keeps; 1 disables it.",
    )
    rotate: float = Field(
        default=0.0, ge=0, le=180, description="Largest random rotation in degrees."
    )
    colour: float = Field(default=0.0, ge=0, le=1, description="Strength of colour jitter.")
    policy: Literal["none", "randaugment", "trivial"] = Field(
        default="none",
        description="RandAugment (Cubuk et al., 2020) or TrivialAugment (Müller & Hutter, 2021).",
    )
    operations: int = Field(default=2, ge=1, description="Operations per image of RandAugment.")
    magnitude: float = Field(default=0.3, ge=0, le=1, description="Magnitude of RandAugment.")
    erase: float = Field(default=0.0, ge=0, le=1, description="Probability of random erasing.")
    background: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability of replacing background and unlabelled pixels by a random "
        "texture; needs masks whose first class is background.",
    )
    occlude: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability of pasting textured objects, labelled as background; needs masks "
        "whose first class is background.",
    )
    strokes: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability of drawing thin curves or rings, such as loose hair and rims of "
        "glasses; labels stay.",
    )
    degrade: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Probability of each of: low resolution, motion blur, dim light, noise, JPEG "
        "artefacts, grey.",
    )
    mixup: float = Field(
        default=0.0, ge=0, description="Alpha of mixup (Zhang et al., 2018); 0 disables it."
    )
    cutmix: float = Field(
        default=0.0, ge=0, description="Alpha of CutMix (Yun et al., 2019); 0 disables it."
    )


class OptimizerSettings(StrictModel):
    """Optimizer and learning-rate schedule."""

    name: Literal["adamw", "sgd", "rmsprop"] = Field(default="adamw", description="Optimizer.")
    lr: float = Field(default=1e-3, gt=0, description="Highest learning rate.")
    weight_decay: float = Field(
        default=1e-2, ge=0, description="Weight decay; biases and norms have none."
    )
    momentum: float = Field(default=0.9, ge=0, lt=1, description="Momentum of SGD and RMSprop.")
    schedule: Literal["constant", "cosine", "exponential"] = Field(
        default="cosine", description="Learning-rate schedule."
    )
    decay: float = Field(
        default=0.995, gt=0, le=1, description="Factor of the exponential schedule per epoch."
    )
    warmup: float = Field(default=0.0, ge=0, description="Epochs of linear warm-up.")
    clip: float = Field(
        default=0.0, ge=0, description="Largest gradient norm; 0 disables clipping."
    )
    label_smoothing: float = Field(default=0.0, ge=0, lt=1, description="Label smoothing.")
    ema: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Decay of the moving average of the weights that is validated and exported; "
        "0 disables it.",
    )


class Settings(StrictModel):
    """All settings of a training."""

    network: NetworkSettings = NetworkSettings()
    transfer: TransferSettings = TransferSettings()
    data: DataSettings = DataSettings()
    augment: AugmentSettings = AugmentSettings()
    optimizer: OptimizerSettings = OptimizerSettings()
    epochs: int = Field(default=30, ge=1, description="Number of epochs.")
    patience: int = Field(
        default=0,
        ge=0,
        description="Early stopping after so many epochs without improvement; 0 disables it.",
    )
    seed: int = Field(
        default=0, ge=0, description="Seed of the split, order, initial weights and augmentation."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Mixed precision; auto is bf16 where it is faster, else fp32.",
    )
    channels_last: bool = Field(default=True, description="Use channels_last memory format.")
    device: str = Field(default="auto", description="Device: auto, cpu, cuda or mps.")
    keep: int = Field(default=2, ge=1, description="Newest checkpoints to keep, besides the best.")
