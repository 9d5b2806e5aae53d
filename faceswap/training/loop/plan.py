"""Plan, outputs and result of a training."""

from collections.abc import Callable
from dataclasses import dataclass

from faceswap.training.loop.phase import Phase
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.report import Reporter
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.monitoring.swaps import Swaps
from faceswap.training.optimizers.schedule import Budget


@dataclass(frozen=True)
class Plan:
    """Numbers that steer the loop.

    Attributes:
        phases: Settings that may change in the course of the training, at least one phase.
        budget: Steps and minutes after which training ends.
        adapt_threads: Whether to use fewer CPU threads while they are faster.
        workers: Worker processes that sample batches; 0 uses a thread.
        save_every: Steps between checkpoints.
        save_seconds: Longest time between checkpoints.
        preview_every: Steps between previews.
        log_every: Steps between reports.
    """

    phases: tuple[Phase, ...]
    budget: Budget
    adapt_threads: bool = False
    workers: int = 0
    save_every: int = 500
    save_seconds: float = 300.0
    preview_every: int = 500
    log_every: int = 20


@dataclass(frozen=True)
class TrainResult:
    """Result of a training.

    Attributes:
        step: Number of finished steps, over all starts of the run.
        seconds: Elapsed training time, over all starts.
        losses: Loss of each identity at every step of this start.
        quality: Metrics of each identity on held-out faces; empty without held-out faces.
        swaps: Metrics of swaps of held-out faces; empty where none can be measured.
        exported_step: Step of the exported model.
        evaluations: Number of evaluations that it is the best of; 0 without held-out faces, None
            where an earlier version did not count them.
        faces_per_second: Mean throughput of this start, over all processes.
        waiting: Fraction of this start's time spent waiting for data, 0 to 1.
        interrupted: Number of the signal that stopped it, or 0.
        ended: Reason for the end, as a clause; "" for an interrupted training.
        stopped_early: Whether it ended before its budget was used up.
    """

    step: int
    seconds: float
    losses: dict[str, list[float]]
    quality: dict[str, Quality]
    swaps: Swaps
    exported_step: int
    evaluations: int | None
    faces_per_second: float
    waiting: float
    interrupted: int
    ended: str = ""
    stopped_early: bool = False


@dataclass(frozen=True)
class Output:
    """Reports, previews and metrics; written by the first process.

    Attributes:
        reporter: Log, previews and metrics; None in all other processes.
        on_step: Callback with a report at the start and every ``Plan.log_every`` steps.
    """

    reporter: Reporter | None
    on_step: Callable[[StepReport], object] = lambda _: None
