"""Progress of a classifier's training, and the best of its epochs."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from classifier.models.network import Task
from faceswap.core import training_state
from faceswap.core.checkpoint import BEST, load_checkpoint, pointed_step
from faceswap.core.documents import read_json
from faceswap.core.errors import DocumentError
from faceswap.core.files import write_json
from faceswap.core.training_state import AVERAGED, MODEL, TrainingState


@dataclass(frozen=True)
class EpochResult:
    """Metrics of one epoch.

    Attributes:
        epoch: Number of the epoch, from 1.
        train_loss: Mean training loss, with class weights, label smoothing and mixing.
        loss: Mean cross entropy of the validation images or pixels.
        accuracy: Validation accuracy, 0 to 1.
        balanced_accuracy: Mean recall over the classes, 0 to 1.
        mean_iou: Mean intersection over union over the classes, 0 to 1.
        lr: Learning rate of the last step, of the fastest layers.
        images_per_second: Training throughput over all processes.
        seconds: Duration of the training steps, over all starts.
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
        """Metric that chooses the best epoch: balanced accuracy, or mean IoU of pixels."""
        return self.mean_iou if task == "pixels" else self.balanced_accuracy


@dataclass
class Progress(training_state.Progress):
    """Progress of a training.

    Attributes:
        epoch_step: Number of finished steps of the current epoch.
        epoch_loss: Sum of their losses.
        epoch_seconds: Their duration.
        batch_size: Images of each of these steps, over all processes.
        history: Results of the finished epochs.
        comparable_from: Number of epochs at the start of the history whose metrics are not
            comparable with the later ones.
    """

    epoch_step: int = 0
    epoch_loss: float = 0.0
    epoch_seconds: float = 0.0
    batch_size: int = 0
    history: list[EpochResult] = field(default_factory=list)
    comparable_from: int = 0

    @property
    def epoch(self) -> int:
        """Number of finished epochs, which is the number of the current one, from 0."""
        return len(self.history)

    def finish_epoch(self, result: EpochResult, task: Task) -> bool:
        """Adds an epoch to the history.

        Returns:
            Whether it is the best so far: highest score, then lowest validation loss.
        """
        self.history.append(result)
        self.epoch_step, self.epoch_loss, self.epoch_seconds = 0, 0.0, 0.0
        return self.evaluated(result.score(task), -result.loss)

    def forget_best(self) -> None:
        """Forgets earlier evaluations, which are not comparable with those to come."""
        super().forget_best()
        self.comparable_from = len(self.history)

    def best_epoch(self, task: Task) -> EpochResult | None:
        """The epoch with the highest score, among equals with the lowest loss; None if none."""
        epochs = self.history[self.comparable_from :]
        return max(epochs, key=lambda result: (result.score(task), -result.loss), default=None)

    def adopt_batch_size(self, batch_size: int) -> None:
        """Converts the position within the epoch after a change of the batch size."""
        if self.epoch_step and self.batch_size and batch_size != self.batch_size:
            # A batch that straddles the old position is repeated.
            step = self.epoch_step * self.batch_size // batch_size
            self.epoch_loss *= step / self.epoch_step
            self.epoch_step = step
        self.batch_size = batch_size


@dataclass(frozen=True)
class RunState(TrainingState[Progress]):
    """Checkpoints of a run, and the table of its epochs.

    Attributes:
        table: File of the results of all epochs.
    """

    table: Path

    def complete_save(self, progress: Progress) -> None:
        """Brings the marks of the checkpoints and the table up to date; see the base."""
        super().complete_save(progress)
        entries = [asdict(entry) for entry in progress.history]
        if entries and not self._is_in_table(entries):
            write_json(self.table, entries)

    def _is_in_table(self, entries: list[dict[str, Any]]) -> bool:
        try:
            return read_json(self.table) == entries
        except (OSError, DocumentError):
            return False

    def best_epoch(self) -> tuple[dict[str, Tensor], EpochResult] | None:
        """Weights of the best epoch as they were validated, and its result.

        If its checkpoint is damaged, those of the newest earlier epoch that is intact.

        Returns:
            The epoch; None if there is none.

        Raises:
            CheckpointError: The best checkpoint and all before it are damaged.
        """
        if pointed_step(self.folder, BEST) is None:
            return None
        found = load_checkpoint(self.folder, BEST)
        assert found is not None, "it is pointed at"
        progress = Progress.from_json(found.state["progress"])
        if progress.epoch_step or not progress.history:  # an earlier one, within an epoch
            return None
        averaged = self.ema is not None and AVERAGED in found.tensors
        return found.tensors[AVERAGED if averaged else MODEL], progress.history[-1]
