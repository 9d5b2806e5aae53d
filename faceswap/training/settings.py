"""Settings of a training; recipes in ``configs/faceswap/`` override these defaults."""

from typing import Any, Literal

from pydantic import Field

from faceswap.core.config import StrictModel
from faceswap.models.references import MOST_REFERENCES


class ModelConfig(StrictModel):
    """The model to train."""

    name: str = Field(default="original", description="Name of the model.")
    options: dict[str, Any] = Field(default={}, description="Options of that model.")


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


class LossConfig(StrictModel):
    """Weights of the loss terms."""

    l1: float = Field(default=1.0, ge=0, description="Weight of the L1 loss.")
    dssim: float = Field(default=1.0, ge=0, description="Weight of the DSSIM loss.")
    mask: float = Field(
        default=0.2, ge=0, description="Weight of the mask loss, for models that predict a mask."
    )
    inside: float = Field(
        default=1.0, ge=1, description="Weight of pixels inside the face; pixels outside have 1."
    )
    features: float = Field(
        default=1.0, ge=1, description="Factor on the weight of eyes and mouth."
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


class TrainingConfig(StrictModel):
    """Budget, batch size, precision and device."""

    batch: int = Field(
        default=16, ge=1, description="Batch size: faces per identity and step, over all processes."
    )
    micro_batches: int = Field(
        default=1, ge=1, description="Micro-batches a batch is split into; gradients accumulate."
    )
    steps: int | None = Field(
        default=None,
        ge=0,
        description="Budget in steps, over all starts of the run; 0 exports the new model.",
    )
    minutes: float | None = Field(
        default=None, gt=0, description="Budget in minutes, over all starts of the run."
    )
    patience: int = Field(
        default=0,
        ge=0,
        description="Stop after so many evaluations without a better held-out SSIM; 0 disables "
        "early stopping.",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Mixed precision; auto is bf16 where the hardware supports it, else fp32.",
    )
    compile: bool = Field(default=False, description="Compile the model with torch.compile.")
    device: str = Field(default="auto", description="Device: auto, cpu, cuda or mps.")
    adapt_threads: bool = Field(
        default=False,
        description="On a busy CPU, use one thread while that is faster. Results then differ in "
        "rounding from run to run.",
    )


class OutputConfig(StrictModel):
    """Intervals of checkpoints, previews and logs, in steps unless stated otherwise."""

    save_every: int = Field(
        default=500, ge=1, description="Steps between checkpoints, each with held-out metrics."
    )
    save_minutes: float = Field(
        default=5.0, gt=0, description="Longest time between checkpoints, in minutes."
    )
    preview_every: int = Field(default=500, ge=1, description="Steps between preview images.")
    log_every: int = Field(default=20, ge=1, description="Steps between log entries.")
    keep: int = Field(default=2, ge=2, description="Newest checkpoints to keep, besides the best.")


class TrainConfig(StrictModel):
    """All settings of a training."""

    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    output: OutputConfig = OutputConfig()
