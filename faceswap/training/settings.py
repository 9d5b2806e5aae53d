"""The settings of a training; recipes in ``configs/faceswap/`` are differences from these."""

from typing import Any, Literal

from pydantic import Field

from faceswap.core.config import StrictModel


class ModelConfig(StrictModel):
    """Which network is trained."""

    name: str = Field(default="original", description="Name of the model.")
    options: dict[str, Any] = Field(default={}, description="Options of that model.")


class DataConfig(StrictModel):
    """Which part of the facesets is used, and how it is read."""

    coverage: float = Field(
        default=1.25, ge=0.8, le=2.0, description="Side of the faces in face squares."
    )
    held_out: float = Field(
        default=0.05, ge=0, le=0.5, description="Share of faces never trained on."
    )
    match: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of a batch in which all identities show the same pose and expression.",
    )
    minimum: int = Field(default=32, ge=2, description="Fewest faces an identity may have.")
    workers: int | None = Field(
        default=None, ge=0, le=128, description="Processes that prepare batches; null chooses."
    )


class AugmentationConfig(StrictModel):
    """How faces are changed before they are shown to the network."""

    rotation: float = Field(default=10.0, ge=0, le=45, description="Largest turn in degrees.")
    zoom: float = Field(default=0.05, ge=0, le=0.5, description="Largest change of size.")
    shift: float = Field(
        default=0.05, ge=0, le=0.5, description="Largest shift, as a share of the side."
    )
    flip: float = Field(default=0.5, ge=0, le=1, description="Share of faces that are mirrored.")
    warp: float = Field(
        default=0.03, ge=0, le=0.2, description="Spread of the random warp, as a share of the side."
    )
    photometric: float = Field(
        default=1.0, ge=0, le=3, description="Strength of light and colour changes."
    )
    colour_transfer: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of faces that get the colours of another identity.",
    )


class LossConfig(StrictModel):
    """What is minimised."""

    l1: float = Field(default=1.0, ge=0, description="Weight of the absolute difference.")
    dssim: float = Field(default=1.0, ge=0, description="Weight of the structural difference.")
    mask: float = Field(
        default=0.2, ge=0, description="Weight of the predicted mask, if there is one."
    )
    inside: float = Field(
        default=1.0, ge=1, description="Weight of pixels in the face; others have 1."
    )
    features: float = Field(
        default=1.0, ge=1, description="Factor on the weight of eyes and mouth."
    )
    stride: int = Field(
        default=1, ge=1, le=4, description="Evaluate structure every so many pixels."
    )
    swap: float = Field(
        default=0.0,
        ge=0,
        description="Weight of how unlike a swapped face is to the one data.match brings it "
        "together with.",
    )


class OptimizerConfig(StrictModel):
    """How it is minimised."""

    name: Literal["adam", "adamw"] = Field(default="adam", description="Kind of optimizer.")
    lr: float = Field(default=5e-5, gt=0, le=1, description="Learning rate.")
    beta1: float = Field(default=0.5, ge=0, lt=1, description="Decay of the mean gradient.")
    beta2: float = Field(
        default=0.999, ge=0, lt=1, description="Decay of the mean squared gradient."
    )
    weight_decay: float = Field(default=0.0, ge=0, le=1, description="Weight decay (adamw only).")
    warmup: int = Field(default=0, ge=0, description="Steps over which the learning rate rises.")
    decay: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description="Share of the budget, at its end, over which it falls to 0.",
    )
    clip: float = Field(default=0.0, ge=0, description="Largest norm of the gradient; 0 = any.")


class TrainingConfig(StrictModel):
    """How long, how much at once, and how precisely."""

    batch: int = Field(
        default=16, ge=1, description="Faces per identity and step, over all processes."
    )
    accumulate: int = Field(default=1, ge=1, description="Parts a step's batch is computed in.")
    steps: int | None = Field(default=None, ge=1, description="Stop after so many steps.")
    minutes: float | None = Field(default=None, gt=0, description="Stop after so many minutes.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto", description="auto = bf16 where the hardware has it, else fp32."
    )
    compile: bool = Field(default=False, description="Compile the network (torch.compile).")
    device: str = Field(default="auto", description="auto, cpu, cuda or mps.")
    adapt_threads: bool = Field(
        default=False,
        description="On a CPU, use one thread while that is faster, as on a busy machine; "
        "sums are then rounded differently from run to run.",
    )


class OutputConfig(StrictModel):
    """What is written, and how often: counted in steps unless said otherwise."""

    save_every: int = Field(
        default=500, ge=1, description="Checkpoint, model and held-out metrics."
    )
    save_minutes: float = Field(
        default=5.0, gt=0, description="Longest time between checkpoints, in minutes."
    )
    preview_every: int = Field(default=500, ge=1, description="Preview picture.")
    log_every: int = Field(default=20, ge=1, description="Line in the TensorBoard log.")
    keep: int = Field(default=2, ge=2, description="Checkpoints to keep, besides the best.")


class TrainConfig(StrictModel):
    """All settings of a training."""

    seed: int = Field(default=0, ge=0, description="Decides about everything that is random.")
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    loss: LossConfig = LossConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    output: OutputConfig = OutputConfig()
