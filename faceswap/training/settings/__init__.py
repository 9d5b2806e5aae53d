"""Settings of a training; recipes in ``configs/faceswap/`` override these defaults."""

from pydantic import Field

from faceswap.core.config import StrictModel
from faceswap.training.settings.adversarial import AdversarialConfig
from faceswap.training.settings.data import AugmentationConfig, DataConfig
from faceswap.training.settings.loss import LossConfig
from faceswap.training.settings.model import ModelConfig
from faceswap.training.settings.optimizer import OptimizerConfig
from faceswap.training.settings.run import OutputConfig, TrainingConfig

__all__ = [
    "AdversarialConfig",
    "AugmentationConfig",
    "DataConfig",
    "LossConfig",
    "ModelConfig",
    "OptimizerConfig",
    "OutputConfig",
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
