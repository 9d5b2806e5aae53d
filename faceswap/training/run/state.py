"""State of a training on disk: checkpoints to resume from, and the exported model."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor

from faceswap.core.checkpoint import BEST, Checkpoint, load_checkpoint
from faceswap.core.errors import CheckpointError, ModelFileError
from faceswap.core.log import get_logger
from faceswap.core.model_folder import read_weights
from faceswap.core.training_state import AVERAGED, MODEL, TrainingState, evaluated_group
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import (
    ModelMeta,
    is_saved,
    read_model_metadata,
    save_model,
    save_weights,
)
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.inputs.guide_data import GuideData
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.progress import Progress
from faceswap.training.run.replica import Replica

_log = get_logger(__name__)


@dataclass(frozen=True)
class RunState(TrainingState[Progress]):
    """Checkpoints and the exported model of a run.

    Attributes:
        export_to: Folder of the exported model.
        meta: Description of the exported model.
        choice: The model that is evaluated and exported; in ``extras`` as ``CHOICE``.
        record: Records the progress in the manifest of the run.
        guide_data: References of the facesets of today; None for models without.
        discriminators: Discriminators that are trained beside the model, by name.
        replicas: Whole copies of the models where these are divided over the processes.
    """

    export_to: Path
    meta: ModelMeta
    choice: ModelChoice
    record: Callable[[Progress], object]
    guide_data: GuideData | None = None
    discriminators: Mapping[str, TrainedDiscriminator] = field(default_factory=dict)
    replicas: Sequence[Replica] = ()

    @property
    def models(self) -> list[FaceAutoencoder]:
        """The model that is trained, and its moving average."""
        modules = [self.model, *([] if self.ema is None else [self.ema.module])]
        return [module for module in modules if isinstance(module, FaceAutoencoder)]

    @contextmanager
    def whole_models(self) -> Iterator[None]:
        """Lets the models of ``choice`` have all their weights; entered by all processes."""
        for replica in self.replicas:
            replica.gather()
        yield
        for replica in self.replicas:
            replica.release()

    def grow(self, fraction: float) -> None:
        """Prepares the models for a step at a fraction of the budget."""
        for model in self.models:
            model.grow(fraction)

    def is_finite(self) -> bool:
        """Whether all weights and buffers are finite, also those of discriminators."""
        return super().is_finite() and all(
            each.is_finite() for each in self.discriminators.values()
        )

    def contents(
        self, progress: Progress
    ) -> tuple[dict[str, Mapping[str, Tensor]], dict[str, Any]]:
        """Groups of tensors and JSON values of a checkpoint; see the base."""
        groups, state = super().contents(progress)
        values = {}
        for name, each in self.discriminators.items():
            tensors, values[name] = each.contents()
            groups |= tensors
        return groups, state | {"discriminators": values}

    def restore(self, found: Checkpoint, kind: type[Progress]) -> Progress:
        """Restores a checkpoint, but for the references; see the base."""
        progress = super().restore(found, kind)
        for name, each in self.discriminators.items():
            each.restore(found, found.state.get("discriminators", {}).get(name, {}))
        if self.guide_data is not None:
            for model in self.models:
                self.guide_data.fill(model)
        return progress

    def complete_save(self, progress: Progress) -> None:
        """Brings the marks of the checkpoints and the exported model up to date; see the base.

        The exported model is that of the best checkpoint; of the newest one while there is no best.
        """
        super().complete_save(progress)
        self.record(progress)
        meta = replace(self.meta, step=progress.exported_step)
        if meta.step == progress.step:
            save_model(self.export_to, self.choice.model, meta)
        elif not is_saved(self.export_to, meta) and not self._export_best(meta):
            _log.warning(
                "The best checkpoint, of step %d, is damaged: %s is the model of step %d, and the "
                "best is chosen anew.",
                meta.step,
                self.export_to,
                progress.step,
            )
            progress.forget_best()
            self.complete_save(progress)

    def _export_best(self, meta: ModelMeta) -> bool:
        """Exports the best model where a kill, or an earlier version, left another one.

        Where its checkpoint is damaged, weights that were exported before are kept, and described
        anew.

        Returns:
            Whether there is a model of the best step.
        """
        try:
            found = load_checkpoint(self.folder, BEST, groups=[MODEL, AVERAGED])
        except CheckpointError:
            found = None
        if found is not None and found.step == meta.step:
            save_weights(self.export_to, meta, found.tensors[evaluated_group(found)], found.path)
            return True
        try:
            folder, metadata = read_model_metadata(self.export_to)
            if metadata["step"] != meta.step:
                return False
            save_weights(self.export_to, meta, read_weights(folder, metadata), folder)
        except ModelFileError:
            return False
        return True
