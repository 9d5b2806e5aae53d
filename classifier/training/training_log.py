"""What a training writes down for people: curves for TensorBoard, and a table of its epochs."""

from dataclasses import asdict

from classifier.training.run_directory import RunDirectory
from classifier.training.state import Course, EpochResult
from faceswap.core.files import write_json
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


class TrainLog:
    """Writes ``logs/`` and ``history.json`` of a run; a context manager.

    Args:
        run: The run.
        course: Where it stands; its history is what is written.
        main: Whether this process is the one that writes.
    """

    def __init__(self, run: RunDirectory, course: Course, *, main: bool) -> None:
        self._run, self._course = run, course
        # Curves of epochs that a resume takes again are dropped.
        purge = course.epoch + 1
        self._writer = open_scalar_log(run.logs, purge) if main else None

    def __enter__(self) -> "TrainLog":
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()

    def __call__(self, result: EpochResult) -> None:
        """Adds an epoch that is in the history already."""
        if self._writer is None:
            return
        values = asdict(result)
        for name, title in _CURVES.items():
            self._writer.add_scalar(title, values[name], result.epoch)
        write_json(self._run.history, [asdict(entry) for entry in self._course.history])
