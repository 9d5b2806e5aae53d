"""What a training writes at the steps where it is due: evaluations, checkpoints, previews."""

import time

from accelerate import Accelerator

from faceswap.core.processes import from_first
from faceswap.training.loop.course import Course
from faceswap.training.loop.plan import Plan
from faceswap.training.monitoring.measurement import NOTHING_MEASURED
from faceswap.training.monitoring.report import Reporter
from faceswap.training.run.progress import Progress
from faceswap.training.run.state import RunState


class RunWriter:
    """Evaluates, saves and shows a training. All processes call it; the first one writes.

    Args:
        accelerator: Accelerator of the training.
        state: Model, optimizer and checkpoints.
        reporter: Evaluations and previews of the first process; None in all others.
        plan: Intervals of steps and of time.
        course: Phases and budget of the training.
        begun: Monotonic time at which the training would have begun without interruptions.

    Attributes:
        measured: Result of the last evaluation of this start.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        state: RunState,
        reporter: Reporter | None,
        plan: Plan,
        course: Course,
        begun: float,
    ) -> None:
        self._accelerator, self._state, self._reporter = accelerator, state, reporter
        self._plan, self._course, self._begun = plan, course, begun
        self._saved_at = 0.0
        self.measured = NOTHING_MEASURED

    def begin(self, progress: Progress, *, is_new: bool) -> Progress:
        """Saves a new run, or makes up what a kill left undone of another one.

        Args:
            progress: Progress of the training.
            is_new: Whether the run has no checkpoint.

        Returns:
            The progress, the same in all processes.
        """
        self._saved_at = progress.seconds
        with self._state.whole_models():
            # A new run has something to roll back to then, and a full disk shows at once.
            progress = self._save(progress) if is_new else self._complete_save(progress)
            self._complete_preview(progress)
        return progress

    def must_save(self, progress: Progress) -> bool:
        """Whether a checkpoint is due after a step."""
        # The seconds are those of the first process, so all processes agree.
        late = progress.seconds - self._saved_at >= self._plan.save_seconds
        return (
            late
            or progress.step % self._plan.save_every == 0
            or bool(self._course.phase_end(progress))
        )

    def write(self, progress: Progress, *, save: bool, last: bool) -> Progress:
        """Writes what is due after a step.

        Args:
            progress: Progress of the training.
            save: Whether to evaluate and save.
            last: Whether this start ends here.

        Returns:
            The progress, the same in all processes.
        """
        shown = progress.step % self._plan.preview_every == 0
        if not (save or last or shown):
            return progress
        with self._state.whole_models():
            if save:
                progress = self._save(progress)
            last = last or bool(self._course.end(progress))
            if self._reporter and (last or shown):
                self._reporter.show_preview(progress, last=last)
        return progress

    def _save(self, progress: Progress) -> Progress:
        """Evaluates, then saves; the other processes wait for the result."""
        # Not those of the clock or of an interruption, which come at other steps in each run.
        due = progress.step % self._plan.save_every == 0
        if self._reporter:
            self.measured = self._reporter.evaluate(progress, due=due)
            progress.ended = self._course.end(progress)
        self._state.save(progress)
        # After it, since slow evaluations would otherwise be due again at once.
        saved_at = time.monotonic() - self._begun
        progress, self._saved_at = from_first(self._accelerator, (progress, saved_at))
        return progress

    def _complete_save(self, progress: Progress) -> Progress:
        """Makes up what a kill left undone of the last save."""
        progress.ended = self._course.end(progress)
        if self._reporter:
            self._state.complete_save(progress)
        return from_first(self._accelerator, progress)  # the best may be forgotten

    def _complete_preview(self, progress: Progress) -> None:
        """Shows what a kill left undone after the last step, or a run of no steps."""
        last = bool(self._course.end(progress))
        due = last or (progress.step > 0 and progress.step % self._plan.preview_every == 0)
        if self._reporter:
            self._reporter.open(progress)
            self._reporter.complete_preview(progress, due=due, last=last)
