"""Reports of a training: TensorBoard log, previews and held-out metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from faceswap.core.tensorboard_log import ScalarLog
from faceswap.media.images import read_image
from faceswap.training.monitoring.measurement import Measured, Measurement
from faceswap.training.monitoring.memory_use import GIB, MemoryUse
from faceswap.training.monitoring.previews import Previews
from faceswap.training.run.progress import Progress


@dataclass(frozen=True)
class StepReport:
    """Report on the steps since the last one.

    Attributes:
        step: Number of finished steps, over all starts of the run.
        seconds: Elapsed training time, over all starts.
        fraction: Fraction of the budget used up, 0 to 1.
        losses: Mean loss of each identity since the last report; empty in the first report.
        lr: Learning rate.
        faces_per_second: Throughput since the last report, over all processes.
        waiting: Fraction of the time spent waiting for data, 0 to 1.
        figures: Further figures of the last step, by the name that they have in the log.
        phase: Name of the phase; "" for a training without phases.
        phase_number: Number of the phase, from 1.
        steps_per_second: Throughput since the last report.
        memory: Memory in use; None if it was not read.
        seconds_left: Estimated time until the budget is used up; None without an estimate.
    """

    step: int
    seconds: float
    fraction: float
    losses: dict[str, float]
    lr: float
    faces_per_second: float
    waiting: float
    figures: Mapping[str, float] = field(default_factory=dict)
    phase: str = ""
    phase_number: int = 1
    steps_per_second: float = 0.0
    memory: MemoryUse | None = None
    seconds_left: float | None = None

    def scalars(self) -> dict[str, float]:
        """All numbers, by the name that they have in the log."""
        values = {f"loss/{name}": loss for name, loss in self.losses.items()} | {
            "training/learning rate": self.lr,
            "training/faces per second": self.faces_per_second,
            "training/steps per second": self.steps_per_second,
            "training/waiting for data": self.waiting,
            **self.figures,
        }
        if self.phase:
            values["training/phase"] = self.phase_number
        if self.memory:
            values["memory/GiB in use"] = self.memory.now / GIB
            values["memory/GiB at the peak"] = self.memory.peak / GIB
        return values


@dataclass(frozen=True)
class Callbacks:
    """Callbacks of a training; called in the first process only.

    Attributes:
        on_faces: Callback with the number of faces added to the cache since the last call.
        on_step: Callback with a report at the start and every few steps.
    """

    on_faces: Callable[[int], object] = lambda _: None
    on_step: Callable[[StepReport], object] = lambda _: None


NO_CALLBACKS = Callbacks()
"""Callbacks that do nothing."""


class Reporter:
    """Writes the log, the metrics and the previews of a run; used by the first process only.

    Args:
        log: Log of the run.
        measurement: Evaluation on held-out faces.
        previews: Previews of the run.
        logs_images: Whether previews are added to the log.
    """

    def __init__(
        self,
        log: ScalarLog,
        measurement: Measurement,
        previews: Previews,
        *,
        logs_images: bool = False,
    ) -> None:
        self._log, self._measurement, self._previews = log, measurement, previews
        self._logs_images = logs_images

    def close(self) -> None:
        """Flushes and closes the log."""
        self._log.close()

    def log(self, report: StepReport) -> None:
        """Adds an entry to the log."""
        for name, value in report.scalars().items():
            self._log.add_scalar(name, value, report.step)

    def complete_preview(self, progress: Progress, *, due: bool, last: bool) -> None:
        """Shows what a kill left undone after the last step.

        Args:
            progress: Progress of the training.
            due: Whether there should be a preview of its last step.
            last: Whether this start ends here.
        """
        if due and not self._previews.has_shown(progress.step):
            self.show_preview(progress, last=last)
        elif last:
            self._previews.update_timelapse(progress, last=True)

    def show_preview(self, progress: Progress, *, last: bool) -> None:
        """Writes and logs a preview, and the timelapse if it is due.

        Args:
            progress: Progress of the training.
            last: Whether this start ends here.
        """
        path = self._previews.show(progress.step)
        if path is not None and self._logs_images:
            height, width = read_image(path).shape[:2]
            # The signed file as it is: an image that is saved from TensorBoard is marked, too.
            self._log.add_jpeg("previews", path.read_bytes(), (width, height), progress.step)
        self._previews.update_timelapse(progress, last=last)

    def measure(self, step: int) -> Measured:
        """Evaluates on held-out faces, and logs the metrics."""
        measured = self._measurement.measure()
        for name, q in measured.quality.items():
            self._log.add_scalar(f"held-out ssim/{name}", q.ssim, step)
            self._log.add_scalar(f"held-out l1/{name}", q.l1, step)
        return measured
