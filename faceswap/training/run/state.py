"""State of a training on disk: checkpoints to resume from, and the exported model."""

from dataclasses import dataclass, replace
from pathlib import Path

from faceswap.core.checkpoint import Checkpoint
from faceswap.core.training_state import Progress, TrainingState
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.training.inputs.guide_data import GuideData
from faceswap.training.run.choice import ModelChoice


@dataclass(frozen=True)
class RunState(TrainingState[Progress]):
    """Checkpoints and the exported model of a run.

    Attributes:
        export_to: Folder of the exported model.
        meta: Description of the exported model.
        choice: The model that is evaluated and exported; in ``extras`` as ``CHOICE``.
        guide_data: References of the facesets of today; None for models without.
    """

    export_to: Path
    meta: ModelMeta
    choice: ModelChoice
    guide_data: GuideData | None = None

    def grow(self, fraction: float) -> None:
        """Prepares the models for a step at a fraction of the budget."""
        for model in self.choice.models.values():
            model.grow(fraction)

    def restore(self, found: Checkpoint, kind: type[Progress]) -> Progress:
        """Restores a checkpoint, but for the references; see the base."""
        progress = super().restore(found, kind)
        if self.guide_data is not None:
            for model in self.choice.models.values():
                self.guide_data.fill(model)
        return progress

    def complete_save(self, progress: Progress) -> None:
        """Brings the marks of the checkpoints and the exported model up to date; see the base."""
        super().complete_save(progress)
        save_model(self.export_to, self.choice.model, replace(self.meta, step=progress.step))
