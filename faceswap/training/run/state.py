"""State of a training on disk: checkpoints to resume from, and the exported model."""

from dataclasses import dataclass, replace
from pathlib import Path

from faceswap.core.checkpoint import Checkpoint
from faceswap.core.training_state import Progress, TrainingState
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.training.inputs.guide_data import GuideData


@dataclass(frozen=True)
class RunState(TrainingState[Progress]):
    """Checkpoints and the exported model of a run.

    Attributes:
        export_to: Folder of the exported model.
        meta: Description of the exported model.
        guide_data: References of the facesets of today; None for models without.
    """

    export_to: Path
    meta: ModelMeta
    guide_data: GuideData | None = None

    @property
    def evaluated(self) -> FaceAutoencoder:
        """The model that is evaluated and exported: the moving average where there is one."""
        model = self.model if self.ema is None else self.ema.module
        assert isinstance(model, FaceAutoencoder)
        return model

    def grow(self, fraction: float) -> None:
        """Prepares the models for a step at a fraction of the budget."""
        for model in {self.model, self.evaluated}:
            assert isinstance(model, FaceAutoencoder)
            model.grow(fraction)

    def restore(self, found: Checkpoint, kind: type[Progress]) -> Progress:
        """Restores a checkpoint, but for the references; see the base."""
        progress = super().restore(found, kind)
        if self.guide_data is not None:
            for model in {self.model, self.evaluated}:
                self.guide_data.fill(model)
        return progress

    def complete_save(self, progress: Progress) -> None:
        """Brings the marks of the checkpoints and the exported model up to date; see the base."""
        super().complete_save(progress)
        save_model(self.export_to, self.evaluated, replace(self.meta, step=progress.step))
