"""Progress of the training of a face-swap model."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

from faceswap.core import training_state

SSIM = "the held-out SSIM"
"""Name of the measure of earlier versions, and of trainings without networks that judge swaps."""


@dataclass(frozen=True)
class PhaseEntry:
    """The beginning of a phase.

    Attributes:
        name: Name of the phase; "" for a training without phases.
        step: First step.
        seconds: Elapsed training time at that step.
        reason: Reason for entering it, as a clause.
    """

    name: str = ""
    step: int = 0
    seconds: float = 0.0
    reason: str = ""


@dataclass
class Progress(training_state.Progress):
    """Progress with phases.

    Attributes:
        phases: Phases entered so far, the current one last; empty for a training without phases.
        phase_best: Best score of the current phase.
        phase_best_step: Step of that evaluation, or first step of the phase.
        phase_since_best: Number of due evaluations since then, those at multiples of
            ``Plan.save_every`` steps.
        ended: Reason for the end of the training, as a clause; "" while it continues.
        measure: Name of what the evaluations measure, for messages.
        evaluations: Number of evaluations among which the best was chosen; None where an earlier
            version chose it, which did not count them.
    """

    phases: tuple[PhaseEntry, ...] = ()
    phase_best: tuple[float, ...] | None = None
    phase_best_step: int = 0
    phase_since_best: int = 0
    ended: str = ""
    measure: str = SSIM
    evaluations: int | None = 0

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Restores what ``asdict`` gave; those of earlier versions know no phases."""
        earlier = {
            "phase_best": values.get("best"),
            "phase_best_step": values.get("best_step") or 0,
            "phase_since_best": values.get("since_best", 0),
            "evaluations": 0 if values.get("best") is None else None,
        }
        defaults = {name: value for name, value in asdict(cls()).items() if name in _ADDED}
        return super().from_json({**defaults, **earlier, **values})

    @property
    def phase(self) -> PhaseEntry:
        """The current phase; that of a training without phases begins with it."""
        return self.phases[-1] if self.phases else PhaseEntry()

    @property
    def exported_step(self) -> int:
        """Step of the exported model: of the best checkpoint, or the newest without a best."""
        return self.step if self.best_step is None else self.best_step

    def describe(self) -> str:
        """The step that is next, as part of a sentence."""
        phase = f" (phase {self.phase.name})" if self.phase.name else ""
        return f"in step {self.step + 1}{phase}"

    def enter(self, name: str, reason: str) -> None:
        """Enters a phase with the next step."""
        entry = PhaseEntry(name, self.step, self.seconds, reason)
        self.phases = (*self.phases, entry)
        self.phase_best, self.phase_since_best, self.phase_best_step = None, 0, self.step

    def change_measure(self, measure: str) -> bool:
        """Prepares for an evaluation with a measure.

        Returns:
            Whether earlier ones had another, so that the best is chosen anew.
        """
        outdated = self.best is not None and self.measure != measure
        if outdated:
            self.forget_best()
        self.measure = measure
        return outdated

    def evaluated(self, *metric: float) -> bool:
        """Records an evaluation; see the base."""
        if self.evaluations is not None:
            self.evaluations += 1
        return super().evaluated(*metric)

    def evaluated_in_phase(self, *metric: float) -> None:
        """Records a due evaluation for the patience of the current phase.

        Others, of the clock or of interrupted trainings, are not recorded, so that a resumed one
        changes its phase at the same step as an uninterrupted one.
        """
        better = self.phase_best is None or metric > self.phase_best
        if better and all(map(math.isfinite, metric)):
            self.phase_best, self.phase_since_best, self.phase_best_step = metric, 0, self.step
        else:
            self.phase_since_best += 1

    def forget_best(self) -> None:
        """Forgets earlier evaluations; see the base."""
        super().forget_best()
        self.evaluations = 0
        self.phase_best, self.phase_since_best, self.phase_best_step = None, 0, self.step


_ADDED = frozenset(Progress.__annotations__)
