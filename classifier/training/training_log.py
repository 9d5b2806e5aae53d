"""TensorBoard curves of a training."""

from dataclasses import asdict

from classifier.training.run_directory import RunDirectory
from classifier.training.state import EpochResult
from faceswap.core.tensorboard_log import open_scalar_log

_CURVES = {
    "train_loss": "loss/train",
    "loss": "loss/validation",
    "accuracy": "accuracy/validation",
    "balanced_accuracy": "balanced_accuracy/validation",
    "mean_iou": "mean_iou/validation",
    "lr": "lr",
    "images_per_second": "images_per_second",
}


class TrainingLog:
    """Writes ``logs/`` of a run; a context manager.

    Args:
        run: Folder of the run.
        epochs: Number of finished epochs; later log entries of earlier starts are dropped.
        main: Whether this process writes.
    """

    def __init__(self, run: RunDirectory, epochs: int, *, main: bool) -> None:
        self._writer = open_scalar_log(run.logs, epochs + 1) if main else None

    def __enter__(self) -> "TrainingLog":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, result: EpochResult) -> None:
        """Logs the result of an epoch."""
        if self._writer is None:
            return
        values = asdict(result)
        for name, title in _CURVES.items():
            self._writer.add_scalar(title, values[name], result.epoch)
