"""How long training goes on, and the learning rate on the way."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Budget:
    """How long to train; the first limit that is reached ends it.

    Attributes:
        steps: Optimizer steps, or None for any number.
        minutes: Time, or None for any.
    """

    steps: int | None = None
    minutes: float | None = None

    def progress(self, step: int, seconds: float) -> float:
        """Share of the budget that is used up, 0 to 1; 0 when there is no limit."""
        shares = [0.0]
        if self.steps is not None:
            shares.append(step / self.steps)
        if self.minutes is not None:
            shares.append(seconds / (60 * self.minutes))
        return min(1.0, max(shares))


@dataclass(frozen=True)
class Schedule:
    """Rises, stays, and falls linearly at the end of the budget (Wortsman et al., 2023).

    Attributes:
        lr: The learning rate between.
        warmup: Steps over which it rises.
        decay: Share of the budget, at its end, over which it falls.
    """

    lr: float
    warmup: int = 0
    decay: float = 0.0

    def rate(self, step: int, progress: float) -> float:
        """Learning rate of a step.

        Args:
            step: The step, from 0.
            progress: Share of the budget used up before it.
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = min(1.0, (1 - progress) / self.decay) if self.decay else 1.0
        # Never quite zero: the last steps of a budget in minutes are not known beforehand.
        return self.lr * rise * max(fall, 0.01)
