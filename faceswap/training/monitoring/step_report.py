"""What a training reports every few steps."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from faceswap.training.monitoring.memory_use import GIB, MemoryUse


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
