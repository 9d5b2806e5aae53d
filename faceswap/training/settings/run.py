"""Settings of the loop and of what it writes."""

from typing import Literal

from pydantic import Field

from faceswap.core.config import AbsolutePath, StrictModel


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
        description="Stop after so many evaluations without a better score of held-out faces, of "
        "those every output.save_every steps; 0 disables early stopping.",
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="Mixed precision; auto is bf16 where it is faster, else fp32.",
    )
    freeze: list[str] = Field(
        default=[], description="Parts of the model that are not trained, as in [encoder, inter]."
    )
    checkpointing: bool = Field(
        default=False,
        description="Gradient checkpointing: compute activations twice instead of keeping them, "
        "for less memory.",
    )
    compile: bool = Field(default=False, description="Compile the model with torch.compile.")
    shard: bool = Field(
        default=False,
        description="Divide weights, gradients and the optimizer's state over the processes, for "
        "less memory in each, instead of replicating them.",
    )
    device: str = Field(default="auto", description="Device: auto, cpu, cuda or mps.")
    adapt_threads: bool = Field(
        default=False,
        description="On a busy CPU, use one thread while that is faster. Results then differ in "
        "rounding from run to run.",
    )


class OutputConfig(StrictModel):
    """Checkpoints, previews, logs and trackers; intervals are in steps unless stated otherwise."""

    save_every: int = Field(
        default=500, ge=1, description="Steps between checkpoints, each with held-out metrics."
    )
    save_minutes: float = Field(
        default=5.0, gt=0, description="Longest time between checkpoints, in minutes."
    )
    preview_every: int = Field(default=500, ge=1, description="Steps between preview images.")
    log_every: int = Field(default=20, ge=1, description="Steps between log entries.")
    keep: int = Field(default=2, ge=2, description="Newest checkpoints to keep, besides the best.")
    preview_faces: dict[str, AbsolutePath] = Field(
        default={},
        description="Facesets whose faces previews show in place of held-out ones, by identity, as "
        "in {alice: faces/shown}.",
    )
    timelapse: bool = Field(default=True, description="Write the previews as a video, too.")
    log_images: bool = Field(
        default=True, description="Add the previews to the TensorBoard log, with their manifests."
    )
    live_page: bool = Field(
        default=True,
        description="Write previews/index.html, which shows the training in a browser.",
    )
    trackers: list[str] = Field(
        default=[],
        description="Experiment trackers that numbers are sent to, as in [wandb]; each needs its "
        "package.",
    )
    tracker_project: str = Field(
        default="faceswap", min_length=1, description="Name of the project at the trackers."
    )
