"""When a phase ends, and how far it is."""

from collections.abc import Sequence

from faceswap.core.errors import ConfigError
from faceswap.core.log import get_logger
from faceswap.training.loop.phase import Phase
from faceswap.training.optimizers.schedule import Budget
from faceswap.training.run.progress import PhaseEntry, Progress

_log = get_logger(__name__)
_ROUNDING = 1e-9  # of fractions of the budget


def current_phase(phases: Sequence[Phase], progress: Progress) -> Phase:
    """The phase of a progress that ``settle_phase`` brought in line with the phases."""
    return next(phase for phase in phases if phase.name == progress.phase.name)


def settle_phase(phases: Sequence[Phase], progress: Progress) -> None:
    """Brings the progress of a run in line with the phases of its settings, at each start.

    Args:
        phases: Phases in order.
        progress: Progress of the run, changed in place.

    Raises:
        ConfigError: The settings no longer have the phase that the run is in.
    """
    names, current = [phase.name for phase in phases], progress.phase.name
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
            f"The run is in the phase {current!r}, which its settings no longer have: expected it "
            f"among {', '.join(map(repr, names))}.",
            "Restore the phase or its name, or choose another folder for --output.",
        )


def phase_fraction(phase: Phase, budget: Budget, progress: Progress) -> float:
    """Fraction of a phase that is over, 0 to 1.

    A phase without a share may last until the budget is used up.

    Args:
        phase: The current phase.
        budget: Budget of the training.
        progress: Progress of the training.
    """
    begun = budget.fraction(progress.phase.step, progress.phase.seconds)
    length = 1 - begun if phase.share is None else phase.share
    done = budget.fraction(progress.step, progress.seconds) - begun
    return min(1.0, done / length) if length > 0 else 1.0


def phase_end(phase: Phase, budget: Budget, progress: Progress, measure: str) -> str:
    """Reason for the end of a phase, as a clause; "" if it is not over.

    Args:
        phase: The current phase.
        budget: Budget of the training.
        progress: Progress of the training.
        measure: Name of the metric that is evaluated, for the reason.
    """
    if phase.share is not None and phase_fraction(phase, budget, progress) >= 1 - _ROUNDING:
        return f"its share of the budget, {phase.share:.0%}, is used up"
    if 0 < phase.patience <= progress.phase_since_best:
        best = f"; best {progress.phase_best[0]:.3f}" if progress.phase_best else ""
        return (
            f"{measure} has not improved for {progress.phase_since_best} evaluations since step "
            f"{progress.phase_best_step}{best}"
        )
    return ""


def enter_next(phases: Sequence[Phase], progress: Progress, reason: str) -> None:
    """Enters the phase after the current one.

    Args:
        phases: Phases in order; the current one is not the last.
        progress: Progress of the training, changed in place.
        reason: Reason for the end of the current phase.
    """
    ended = current_phase(phases, progress)
    following = phases[phases.index(ended) + 1]
    progress.enter(following.name, f"{ended.name}: {reason}")
    announce(progress.phase)


def announce(entry: PhaseEntry) -> None:
    """Logs the phase that a training is in; nothing for one without phases."""
    if entry.name:
        reason = f" ({entry.reason})" if entry.reason else ""
        _log.info("Phase %s from step %d on%s.", entry.name, entry.step, reason)
