"""Learning-rate schedule."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """Linear warm-up followed by a decay.

    Attributes:
        lr: Highest learning rate.
        kind: ``constant``; ``cosine``, to 0 at the last epoch (Loshchilov & Hutter, 2017);
            ``exponential``, by a constant factor per epoch.
        epochs: Number of epochs.
        decay: Factor of ``exponential`` per epoch, 0 to 1.
        warmup: Epochs of linear warm-up (Goyal et al., 2017).
    """

    lr: float
    kind: Literal["constant", "cosine", "exponential"] = "constant"
    epochs: int = 1
    decay: float = 1.0
    warmup: float = 0.0

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Learning rate of a step, above 0.

        Args:
            step: Step, from 0, over all epochs.
            steps_per_epoch: Steps of an epoch.
        """
        done = step / steps_per_epoch
        if done < self.warmup:
            return self.lr * min(1.0, (step + 1) / (self.warmup * steps_per_epoch))
        if self.kind == "cosine":
            # A warm-up longer than the training leaves no epochs to decay over.
            length = max(self.epochs - self.warmup, 1e-9)
            return self.lr * 0.5 * (1 + math.cos(math.pi * min((done - self.warmup) / length, 1)))
        if self.kind == "exponential":
            return self.lr * self.decay ** math.floor(done)
        return self.lr
