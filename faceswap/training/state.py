"""State of a training on disk: checkpoints to resume from, and the exported model."""

from dataclasses import dataclass, replace
from pathlib import Path

from faceswap.core.training_state import Progress, TrainingState
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, save_model


@dataclass(frozen=True)
class RunState(TrainingState[Progress]):
    """Checkpoints and the exported model of a run.

    Attributes:
        export_to: Folder of the exported model.
        meta: Description of the exported model.
    """

    export_to: Path
    meta: ModelMeta

    @property
    def evaluated(self) -> FaceAutoencoder:
        """The model that is evaluated and exported: the moving average where there is one."""
        model = self.model if self.ema is None else self.ema.module
        assert isinstance(model, FaceAutoencoder)
        return model

    def complete_save(self, progress: Progress) -> None:
        """Brings the marks of the checkpoints and the exported model up to date; see the base."""
        super().complete_save(progress)
        save_model(self.export_to, self.evaluated, replace(self.meta, step=progress.step))
