"""The learning rate over the epochs."""

import math
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """Rises over the warm-up, then falls as its kind says.

    Attributes:
        lr: Highest rate.
        kind: ``constant``; ``cosine``, down to nothing at the last epoch (Loshchilov & Hutter,
            2017); ``exponential``, by the same share each epoch.
        epochs: Length of the training.
        decay: What ``exponential`` leaves of the rate each epoch.
        warmup: Epochs over which the rate rises linearly (Goyal et al., 2017).
    """

    lr: float
    kind: Literal["constant", "cosine", "exponential"] = "constant"
    epochs: int = 1
    decay: float = 1.0
    warmup: float = 0.0

    def rate(self, step: int, steps_per_epoch: int) -> float:
        """Rate of a step; never nothing.

        Args:
            step: The step, from 0, over all epochs.
            steps_per_epoch: Steps of an epoch.
        """
        done = step / steps_per_epoch
        if done < self.warmup:
            return self.lr * min(1.0, (step + 1) / (self.warmup * steps_per_epoch))
        if self.kind == "cosine":
            # A warm-up longer than the training leaves nothing to fall over.
            length = max(self.epochs - self.warmup, 1e-9)
            return self.lr * 0.5 * (1 + math.cos(math.pi * min((done - self.warmup) / length, 1)))
        if self.kind == "exponential":
            return self.lr * self.decay ** math.floor(done)
        return self.lr
