"""What of a training is kept on disk: checkpoints to go on from, and the model to use."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

import torch
from torch import Tensor

from faceswap.core.checkpoint import (
    Checkpoint,
    flatten_optimizer,
    load_checkpoint,
    mark_best,
    restore_optimizer,
    save_checkpoint,
)
from faceswap.core.errors import CheckpointError, TrainingError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.training.run_directory import RunDirectory


@dataclass
class Course:
    """Where a training stands, besides its tensors.

    Attributes:
        step: Finished steps.
        seconds: Time spent.
        rollbacks: How often it was taken back after its numbers broke; each makes it go on with
            other batches, so that it does not break the same way again.
        broke_at: The step at which they broke last.
        best: Highest mean SSIM on held-out faces so far.
    """

    step: int = 0
    seconds: float = 0.0
    rollbacks: int = 0
    broke_at: int = -1
    best: float | None = None


@dataclass(frozen=True)
class TrainState:
    """Ties a model and its optimizer to a run's directory.

    Attributes:
        run: The directory.
        model: The model, not wrapped.
        optimizer: Over its parameters, not wrapped.
        scaler: Of fp16 training, or None.
        meta: What the exported model says about itself.
        keep: How many checkpoints to keep, besides the best.
    """

    run: RunDirectory
    model: FaceAutoencoder
    optimizer: torch.optim.Optimizer
    scaler: "torch.amp.GradScaler | None"
    meta: ModelMeta
    keep: int

    def healthy(self) -> bool:
        """Whether all weights are numbers."""
        return all(bool(torch.isfinite(p).all()) for p in self.model.parameters())

    def save(self, course: Course, ssim: float | None) -> None:
        """Writes a checkpoint and the model; marks it as the best when it is.

        Args:
            course: Where the training stands; its ``best`` is updated.
            ssim: Mean SSIM on held-out faces, or None when there are none.

        Raises:
            StorageFullError: The disk is full; what was saved before is intact.
        """
        is_best = ssim is not None and (course.best is None or ssim > course.best)
        if is_best:
            course.best = ssim
        tensors, optimizer = flatten_optimizer(self.optimizer)
        state = {
            "course": asdict(course),
            "optimizer": optimizer,
            "scaler": self.scaler.state_dict() if self.scaler else None,
        }
        groups = {"model": self.model.state_dict(), "optimizer": tensors}
        save_checkpoint(self.run.checkpoints, course.step, groups, state, self.keep)
        if is_best:
            mark_best(self.run.checkpoints, course.step)
        save_model(self.run.model, self.model, replace(self.meta, step=course.step))

    def load(self) -> Course | None:
        """Puts the last usable checkpoint back, or returns None when there has been none.

        Raises:
            CheckpointError: There are some, but none can be used.
        """
        checkpoint = load_checkpoint(self.run.checkpoints)
        if checkpoint is None:
            return None
        self._load_weights(checkpoint.tensors["model"], checkpoint)
        restore_optimizer(
            self.optimizer, checkpoint.tensors["optimizer"], checkpoint.state["optimizer"]
        )
        if self.scaler and checkpoint.state["scaler"]:
            self.scaler.load_state_dict(checkpoint.state["scaler"])
        return Course(**checkpoint.state["course"])

    def _load_weights(self, tensors: Mapping[str, Tensor], checkpoint: Checkpoint) -> None:
        try:
            self.model.load_state_dict(tensors)
        except RuntimeError as error:
            raise CheckpointError(
                f"The checkpoint {checkpoint.path} holds another network than the run's settings "
                "describe.",
                "Restore the run's config.yaml, or train into another folder.",
            ) from error


def take_back(course: Course, saved: Course | None, limit: int) -> Course:
    """Where to go on after the numbers broke at ``course``.

    Args:
        course: Where they broke.
        saved: The last checkpoint's.
        limit: How often in a row it may break before the next checkpoint.

    Raises:
        TrainingError: It broke too often.
    """
    rollbacks = course.rollbacks + 1
    if saved is None or rollbacks - saved.rollbacks > limit:
        raise TrainingError(
            f"The loss was not a number {rollbacks} times around step {course.step}.",
            "Lower --set optimizer.lr, set --set optimizer.clip=1, or use "
            "--set training.precision=fp32; the run then goes on from its last checkpoint.",
        )
    return replace(saved, rollbacks=rollbacks, broke_at=course.step, seconds=course.seconds)
