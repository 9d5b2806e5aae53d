"""A training that is opened: what its trainer is built from."""

from collections.abc import Sequence
from dataclasses import dataclass

from accelerate import Accelerator

from faceswap.models.model_file import ModelMeta
from faceswap.training.inputs.prepare import TrainingData
from faceswap.training.loop.phase import Phase
from faceswap.training.run.run_directory import RunDirectory
from faceswap.training.settings import TrainConfig


@dataclass(frozen=True)
class OpenedTraining:
    """What is known of a training before its trainer is built, apart from the model.

    Attributes:
        config: Settings of the training.
        accelerator: Accelerator of the training.
        run: Folder of the run.
        phases: Phases of the training, in order.
        data: Batches and held-out faces.
        meta: Description of the model.
    """

    config: TrainConfig
    accelerator: Accelerator
    run: RunDirectory
    phases: Sequence[Phase]
    data: TrainingData
    meta: ModelMeta
