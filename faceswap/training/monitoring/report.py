"""Reports of a training: TensorBoard log, previews and held-out metrics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from faceswap.core.tensorboard_log import ScalarLog
from faceswap.core.trackers import Trackers
from faceswap.media.images import read_image
from faceswap.training.monitoring.collapse import warn_of_collapse
from faceswap.training.monitoring.curves import Curves
from faceswap.training.monitoring.dispensable import Dispensable
from faceswap.training.monitoring.live_page import LivePage
from faceswap.training.monitoring.measurement import Measured, Measurement, judge
from faceswap.training.monitoring.previews import Previews
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.run.progress import Progress


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
        trackers: Trackers that the numbers are sent to.
        curves: Evaluations on disk, with their curves.
        page: Page that shows the training while it runs; None for none.
        logs_images: Whether previews are added to the log.
    """

    def __init__(
        self,
        log: ScalarLog,
        measurement: Measurement,
        previews: Previews,
        trackers: Trackers,
        curves: Curves,
        *,
        page: LivePage | None = None,
        logs_images: bool = False,
    ) -> None:
        self._log, self._measurement, self._previews = log, measurement, previews
        self._trackers, self._curves = trackers, curves
        self._page, self._logs_images = page, logs_images
        self._attempt = Dispensable("The page of the training")

    def open(self, progress: Progress) -> None:
        """Shows the beginning of a start."""
        if self._page:
            self._attempt.run(self._page.open, progress)

    def close(self, progress: Progress) -> None:
        """Flushes and closes the log, and shows the end of this start."""
        self._log.close()
        self._trackers.close()
        self._curves.draw(progress)
        if self._page:
            self._attempt.run(self._page.close, progress)

    def log(self, report: StepReport) -> None:
        """Adds an entry to the log."""
        self._curves.note_losses(report.losses)
        self._add(report.scalars(), report.step)
        if self._page:
            self._attempt.run(self._page.report, report)

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
        if self._page:
            self._attempt.run(self._page.update, progress)

    def evaluate(self, progress: Progress, *, due: bool) -> Measured:
        """Evaluates, and records the evaluation in the progress.

        Args:
            progress: Progress of the training, changed in place.
            due: Whether the evaluation counts for patience: not those of the clock or of an
                interrupted training.
        """
        measured = self.measure(progress.step)
        judge(measured, progress, due=due)
        self._curves.add(measured, progress)
        warn_of_collapse(self._curves.evaluations)
        self._log.add_scalar("training/step of the model", progress.exported_step, progress.step)
        return measured

    def measure(self, step: int) -> Measured:
        """Evaluates on held-out faces, and logs the metrics."""
        measured = self._measurement.measure()
        self._add(measured.figures(), step)
        return measured

    def _add(self, values: Mapping[str, float], step: int) -> None:
        for name, value in values.items():
            self._log.add_scalar(name, value, step)
        self._trackers.log(values, step)
