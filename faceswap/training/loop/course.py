"""The course of a training: its phases, its budget, and when each is over."""

from collections.abc import Sequence

from faceswap.core.errors import ConfigError
from faceswap.core.log import get_logger
from faceswap.training.loop.phase import Phase
from faceswap.training.optimizers.schedule import Budget
from faceswap.training.run.progress import PhaseEntry, Progress

_log = get_logger(__name__)
_ROUNDING = 1e-9  # of fractions of the budget


class Course:
    """Phases and budget of a training, and where a progress is among them.

    Args:
        phases: Phases in order; a training without phases has one without a name.
        budget: Budget of the training.
    """

    def __init__(self, phases: Sequence[Phase], budget: Budget) -> None:
        self._phases, self._budget = phases, budget

    def settle(self, progress: Progress) -> None:
        """Brings the progress of a run in line with the phases of its settings, at each start.

        Args:
            progress: Progress of the run, changed in place.

        Raises:
            ConfigError: The settings no longer have the phase that the run is in.
        """
        names, current = [phase.name for phase in self._phases], progress.phase.name
        if current in names:
            return
        if names == [""]:
            progress.phases = ()
        elif not current:
            progress.enter(
                names[0], "the settings have phases since this start" if progress.step else ""
            )
        else:
            raise ConfigError(
                f"The run is in the phase {current!r}, which its settings no longer have: expected "
                f"it among {', '.join(map(repr, names))}.",
                "Restore the phase or its name, or choose another folder for --output.",
            )

    def phase(self, progress: Progress) -> Phase:
        """The phase of a progress that ``settle`` brought in line with the phases."""
        return next(phase for phase in self._phases if phase.name == progress.phase.name)

    def fraction(self, progress: Progress) -> float:
        """Fraction of the budget that is used up, 0 to 1; 0 without a limit."""
        return self._budget.fraction(progress.step, progress.seconds)

    def phase_fraction(self, progress: Progress) -> float:
        """Fraction of the current phase that is over, 0 to 1.

        A phase without a share may last until the budget is used up.
        """
        share = self.phase(progress).share
        begun = self._budget.fraction(progress.phase.step, progress.phase.seconds)
        length = 1 - begun if share is None else share
        return min(1.0, (self.fraction(progress) - begun) / length) if length > 0 else 1.0

    def phase_end(self, progress: Progress) -> str:
        """Reason for the end of the current phase, as a clause; "" if it is not over."""
        phase = self.phase(progress)
        if phase.share is not None and self.phase_fraction(progress) >= 1 - _ROUNDING:
            return f"its share of the budget, {phase.share:.0%}, is used up"
        if 0 < phase.patience <= progress.phase_since_best:
            best = f"; best {progress.phase_best[0]:.3f}" if progress.phase_best else ""
            return (
                f"{progress.measure} has not improved for {progress.phase_since_best} evaluations "
                f"since step {progress.phase_best_step}{best}"
            )
        return ""

    def end(self, progress: Progress) -> str:
        """Reason for the end of the training, as a clause; "" if it is not over."""
        if self.fraction(progress) >= 1:
            return "the budget is used up"
        is_last = self.phase(progress) is self._phases[-1]
        return self.phase_end(progress) if is_last else ""

    def enter_next(self, progress: Progress, reason: str) -> None:
        """Enters the phase after the current one, which is not the last.

        Args:
            progress: Progress of the training, changed in place.
            reason: Reason for the end of the current phase.
        """
        ended = self.phase(progress)
        following = self._phases[self._phases.index(ended) + 1]
        progress.enter(following.name, f"{ended.name}: {reason}")
        announce(progress.phase)


def announce(entry: PhaseEntry) -> None:
    """Logs the phase that a training is in; nothing for one without phases."""
    if entry.name:
        reason = f" ({entry.reason})" if entry.reason else ""
        _log.info("Phase %s from step %d on%s.", entry.name, entry.step, reason)
