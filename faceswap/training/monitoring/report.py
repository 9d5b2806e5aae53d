"""Reports of a training: TensorBoard log, previews and held-out metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from faceswap.core.tensorboard_log import ScalarLog
from faceswap.training.monitoring.measurement import Measured, Measurement
from faceswap.training.monitoring.previews import Previews


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
    """

    def __init__(self, log: ScalarLog, measurement: Measurement, previews: Previews) -> None:
        self._log, self._measurement, self.previews = log, measurement, previews

    def close(self) -> None:
        """Flushes and closes the log."""
        self._log.close()

    def log(self, report: StepReport) -> None:
        """Adds an entry to the log."""
        values = {f"loss/{name}": loss for name, loss in report.losses.items()} | {
            "training/learning rate": report.lr,
            "training/faces per second": report.faces_per_second,
            "training/waiting for data": report.waiting,
            **report.figures,
        }
        for name, value in values.items():
            self._log.add_scalar(name, value, report.step)

    def measure(self, step: int) -> Measured:
        """Evaluates on held-out faces, and logs the metrics."""
        measured = self._measurement.measure()
        for name, q in measured.quality.items():
            self._log.add_scalar(f"held-out ssim/{name}", q.ssim, step)
            self._log.add_scalar(f"held-out l1/{name}", q.l1, step)
        return measured
