"""What may change in the course of a training."""

from dataclasses import dataclass

from faceswap.data.batches import BatchPlan
from faceswap.training.losses.weights import LossWeights
from faceswap.training.optimizers.schedule import Schedule


@dataclass(frozen=True)
class Phase:
    """Settings of one stretch of a training.

    Attributes:
        batches: Settings that determine the batches.
        losses: Weights of the loss terms.
        schedule: Learning-rate schedule.
        clip: Largest gradient norm; 0 disables clipping.
        frozen: Parts of the model that are not trained.
    """

    batches: BatchPlan
    losses: LossWeights
    schedule: Schedule
    clip: float = 0.0
    frozen: frozenset[str] = frozenset()
