"""What may change in the course of a training."""

from dataclasses import dataclass, field

from faceswap.data.batch_plan import BatchPlan
from faceswap.training.losses.adversarial import AdversarialWeights
from faceswap.training.losses.weights import LossWeights
from faceswap.training.optimizers.schedule import Schedule
from faceswap.training.optimizers.update import UpdateRule


@dataclass(frozen=True)
class Phase:
    """Settings of one stretch of a training: of the whole of it, if the settings have no phases.

    Attributes:
        batches: Settings that determine the batches.
        losses: Weights of the loss terms.
        schedule: Learning-rate schedule.
        update: Limits of the updates of the weights.
        frozen: Parts of the model that are not trained.
        adversarial: Weights of the adversarial terms.
        name: Name of the phase; "" for a training without phases.
        share: Fraction of the budget after which the phase ends; None for no such end.
        patience: Evaluations without a better score after which the phase ends; 0 for no such end.
    """

    batches: BatchPlan
    losses: LossWeights
    schedule: Schedule
    update: UpdateRule
    frozen: frozenset[str] = frozenset()
    adversarial: AdversarialWeights = field(default_factory=AdversarialWeights)
    name: str = ""
    share: float | None = None
    patience: int = 0
