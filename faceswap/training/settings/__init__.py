"""Settings of a training; recipes in ``configs/faceswap/`` override these defaults."""

import math
from itertools import pairwise
from typing import Self

from pydantic import Field, model_validator

from faceswap.core.config import StrictModel, parse_config
from faceswap.core.errors import ConfigError
from faceswap.training.settings.adversarial import AdversarialConfig
from faceswap.training.settings.data import AugmentationConfig, DataConfig
from faceswap.training.settings.loss import LossConfig
from faceswap.training.settings.model import ModelConfig
from faceswap.training.settings.optimizer import OptimizerConfig
from faceswap.training.settings.phases import PhaseConfig
from faceswap.training.settings.run import OutputConfig, TrainingConfig

__all__ = [
    "AdversarialConfig",
    "AugmentationConfig",
    "DataConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "OutputConfig",
    "PhaseConfig",
    "TrainConfig",
    "TrainingConfig",
]


class TrainConfig(StrictModel):
    """All settings of a training."""

    seed: int = Field(default=0, ge=0, description="Seed of everything random.")
    model: ModelConfig = ModelConfig()
    data: DataConfig = DataConfig()
    augmentation: AugmentationConfig = AugmentationConfig()
    loss: LossConfig = LossConfig()
    adversarial: AdversarialConfig = AdversarialConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    output: OutputConfig = OutputConfig()
    phases: tuple[PhaseConfig, ...] = Field(
        default=(), description="Phases in their order; none for a training without."
    )

    @model_validator(mode="after")
    def _check_phases(self) -> Self:
        has_budget = self.training.steps is not None or self.training.minutes is not None
        for number, phase in enumerate(self.phases):
            if phase.name in [other.name for other in self.phases[:number]]:
                raise ConfigError(
                    f"Expected phases of different names, found two called {phase.name!r}.",
                    "Rename one of them.",
                )
            if phase.share is not None and not has_budget:
                raise ConfigError(
                    f"The phase {phase.name!r} ends after a share of the budget; there is none.",
                    "Add --steps or --minutes.",
                )
        for phase, following in pairwise(self.phases):
            own = self.training.patience if phase.patience is None else phase.patience
            if phase.share is None and not (own and self.data.held_out):
                raise ConfigError(
                    f"The phase {phase.name!r} has no end, so {following.name!r} never begins.",
                    "Give it a share of the budget, a patience, or both; a patience needs held-out "
                    "faces (data.held_out).",
                )
        total = math.fsum(phase.share or 0 for phase in self.phases)
        if total > 1 + 1e-9:
            raise ConfigError(
                f"Expected shares of the phases of at most 1 together, found {total:g}.",
                "Lower the share of a phase.",
            )
        self.in_phases()
        return self

    def in_phases(self) -> list["TrainConfig"]:
        """All settings as they are in each phase; without phases, these settings alone.

        Raises:
            ConfigError: A phase changes what it may not, or to an invalid value.
        """
        if not self.phases:
            return [self]
        values = self.model_dump(mode="json", exclude={"phases"})
        return [
            parse_config(TrainConfig, phase.applied_to(values), f"the phase {phase.name!r}")
            for phase in self.phases
        ]
