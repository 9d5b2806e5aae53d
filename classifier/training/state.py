"""What of a training is kept on disk: where it stands, to go on from, and its best epoch."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from classifier.models.network import Task
from classifier.training.ema import WeightMean
from faceswap.core.checkpoint import (
    Checkpoint,
    flatten_optimizer,
    load_checkpoint,
    mark_best,
    restore_optimizer,
    save_checkpoint,
)
from faceswap.core.errors import CheckpointError, TrainingError


@dataclass(frozen=True)
class EpochResult:
    """How one epoch went.

    Attributes:
        epoch: Counted from 1.
        train_loss: Mean loss of its steps, with weights of classes, smoothing and mixing.
        loss: Mean cross entropy of the images or pixels kept aside.
        accuracy: Share of those that got the right class.
        balanced_accuracy: Mean over the classes of the share that was found.
        mean_iou: Mean over the classes of intersection over union.
        lr: Learning rate of the last step, of the layers that learn fastest.
        images_per_second: Training throughput over all processes.
        seconds: Time of its steps, over all starts.
    """

    epoch: int
    train_loss: float
    loss: float
    accuracy: float
    balanced_accuracy: float
    mean_iou: float
    lr: float
    images_per_second: float
    seconds: float

    def score(self, task: Task) -> float:
        """What chooses the best epoch: balanced accuracy of images, mean IoU of pixels."""
        return self.mean_iou if task == "pixels" else self.balanced_accuracy


@dataclass
class Course:
    """Where a training stands, besides its tensors.

    Attributes:
        step: Steps done of the epoch that is under way.
        loss: Sum of their losses.
        seconds: Time they took.
        history: Epochs that are done.
    """

    step: int = 0
    loss: float = 0.0
    seconds: float = 0.0
    history: list[EpochResult] = field(default_factory=list)

    @property
    def epoch(self) -> int:
        """Epochs done, and so the number of the one under way, from 0."""
        return len(self.history)

    def finish_epoch(self, result: EpochResult) -> None:
        """Adds an epoch; the next begins."""
        self.history.append(result)
        self.step, self.loss, self.seconds = 0, 0.0, 0.0

    def best(self, task: Task) -> EpochResult:
        """The epoch with the highest score; of equal ones that with the lowest loss."""
        return max(self.history, key=lambda result: (result.score(task), -result.loss))


@dataclass(frozen=True)
class TrainState:
    """Ties a network and its optimizer to a folder of checkpoints.

    Attributes:
        folder: Of the checkpoints.
        module: The network, not wrapped.
        mean: The mean of its weights, or None.
        optimizer: Over its parameters, not wrapped; None for one that learns without.
        scaler: Of fp16, or None.
        keep: How many checkpoints to keep, besides the best.
    """

    folder: Path
    module: nn.Module
    mean: WeightMean | None
    optimizer: torch.optim.Optimizer | None
    scaler: "torch.amp.GradScaler | None"
    keep: int

    def save(self, course: Course, steps_per_epoch: int, *, best: bool = False) -> None:
        """Writes a checkpoint, which becomes the best if so said.

        Raises:
            StorageFullError: The disk is full; what was saved before is intact.
            TrainingError: A weight is not a number; what was saved before is intact.
        """
        groups: dict[str, dict[str, Tensor]] = {"network": self.module.state_dict()}
        require_numbers(groups["network"], course.epoch)
        values: dict[str, Any] | None = None
        if self.optimizer is not None:
            groups["optimizer"], values = flatten_optimizer(self.optimizer)
        if self.mean is not None:
            groups["mean"] = self.mean.module.state_dict()
        state = {
            "course": asdict(course),
            "optimizer": values,
            "scaler": None if self.scaler is None else self.scaler.state_dict(),
        }
        step = course.epoch * steps_per_epoch + course.step
        save_checkpoint(self.folder, step, groups, state, self.keep)
        if best:
            mark_best(self.folder, step)

    def restore(self, found: Checkpoint) -> Course:
        """Puts a checkpoint back.

        Raises:
            CheckpointError: It belongs to another network or optimizer.
        """
        load_into(self.module, found, "network")
        if self.mean is not None:
            load_into(self.mean.module, found, "mean")
        if self.optimizer is not None:
            values = found.state["optimizer"]
            restore_optimizer(self.optimizer, found.tensors["optimizer"], values)
        if self.scaler is not None and found.state["scaler"]:
            self.scaler.load_state_dict(found.state["scaler"])
        stored = dict(found.state["course"])
        history = [EpochResult(**entry) for entry in stored.pop("history")]
        return Course(**stored, history=history)

    def exported(self) -> dict[str, Tensor]:
        """Weights of the best epoch, as they were measured: their mean where there is one.

        Raises:
            CheckpointError: The best checkpoint and all before it are damaged.
        """
        found = load_checkpoint(self.folder, "best")
        assert found is not None, "every epoch leaves a checkpoint"
        return found.tensors["mean" if self.mean is not None else "network"]


def load_into(module: nn.Module, found: Checkpoint, group: str) -> None:
    """Gives a network the weights of a checkpoint.

    Raises:
        CheckpointError: It belongs to another network.
    """
    try:
        module.load_state_dict(found.tensors[group])
    except (RuntimeError, KeyError) as error:
        raise CheckpointError(
            f"{found.path} belongs to another network.", "Choose another output folder."
        ) from error


def require_numbers(tensors: dict[str, Tensor], epoch: int) -> None:
    """Checks that training has not broken.

    Raises:
        TrainingError: A value is infinite or not a number.
    """
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise not_a_number(epoch, f"The weights {name} are")


def not_a_number(epoch: int, what: str = "The loss is") -> TrainingError:
    """The error of a training that broke in an epoch, counted from 0."""
    return TrainingError(
        f"{what} no longer a number in epoch {epoch + 1}.",
        "The checkpoint before it is intact. Begin a new run with a lower --set optimizer.lr, or "
        "with --set optimizer.clip=1.",
    )
