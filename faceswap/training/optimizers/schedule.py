"""Training budget and learning-rate schedule."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Budget:
    """Limits of a training; the first that is reached ends it.

    Attributes:
        steps: Limit in optimizer steps, or None.
        minutes: Limit in minutes, or None.
    """

    steps: int | None = None
    minutes: float | None = None

    def fraction(self, step: int, seconds: float) -> float:
        """Fraction of the budget that is used up, 0 to 1; 0 without a limit."""
        fractions = [0.0]
        if self.steps is not None:
            fractions.append(step / self.steps if self.steps else 1.0)
        if self.minutes is not None:
            fractions.append(seconds / (60 * self.minutes))
        return min(1.0, max(fractions))


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up, constant learning rate, and a decay.

    With a linear decay this is the schedule of Wortsman et al. (2023); a cosine over the whole
    budget is that of Loshchilov & Hutter (2017).

    Attributes:
        lr: Learning rate between warm-up and decay.
        warmup: Steps of warm-up.
        decay: Final fraction of the budget over which the learning rate decays to 1 % of it, 0 to
            1.
        shape: Shape of the decay.
    """

    lr: float
    warmup: int = 0
    decay: float = 0.0
    shape: Literal["linear", "cosine"] = "linear"

    def rate(self, step: int, fraction: float) -> float:
        """Learning rate of a step.

        Args:
            step: Step, from 0.
            fraction: Fraction of the budget used up before the step, 0 to 1.
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = min(1.0, (1 - fraction) / self.decay) if self.decay else 1.0
        if self.shape == "cosine":
            fall = (1 - math.cos(math.pi * fall)) / 2
        # Above zero: the last steps of a budget in minutes are not known in advance.
        return self.lr * rise * max(fall, 0.01)
