"""The faces that the previews of a training show."""

from collections.abc import Mapping
from pathlib import Path

import torch

from faceswap.training.monitoring.dispensable import Dispensable
from faceswap.training.monitoring.preview import preview_grid
from faceswap.training.monitoring.preview_files import preview_path
from faceswap.training.monitoring.preview_writer import PreviewWriter
from faceswap.training.monitoring.shown_faces import ShownFaces
from faceswap.training.monitoring.timelapse import Timelapse
from faceswap.training.run.choice import ModelChoice
from faceswap.training.run.progress import Progress


class Previews:
    """Draws and writes the previews of a run; used by the first process only.

    Args:
        writer: Writer of the images.
        choice: Models of the training, not wrapped by Accelerate; the chosen one is shown.
        faces: Faces of each identity.
        device: Device of the models.
        bf16: Whether to compute in bf16.
        timelapse: Whether they are also written as a video.
    """

    def __init__(
        self,
        writer: PreviewWriter,
        choice: ModelChoice,
        faces: Mapping[str, ShownFaces],
        device: torch.device,
        bf16: bool,
        *,
        timelapse: bool = False,
    ) -> None:
        self._writer, self._choice, self._faces = writer, choice, faces
        self._device, self._bf16 = device, bf16
        self._timelapse = Timelapse(writer.folder, writer.signer.of_step) if timelapse else None
        self._attempt = Dispensable("The timelapse")

    def has_shown(self, step: int) -> bool:
        """Whether the preview of a step was written."""
        return preview_path(self._writer.folder, step).is_file()

    def show(self, step: int) -> Path | None:
        """Writes the preview ``step-*.jpg``.

        Returns:
            The file; None if it could not be signed.
        """
        model = self._choice.model.eval()
        image = preview_grid(model, self._faces, self._device, self._bf16)
        model.train()
        return self._writer.write(image, step)

    def update_timelapse(self, progress: Progress, *, last: bool) -> None:
        """Writes the timelapse if it is due; a failure is a warning.

        Args:
            progress: Progress of the training, whose preview was shown.
            last: Whether this start ends here, for which only an outdated one is replaced.
        """
        if self._timelapse is None or self._writer.disabled:
            return
        self._attempt.run(_update, self._timelapse, progress, last)


def _update(timelapse: Timelapse, progress: Progress, last: bool) -> None:
    if timelapse.lacks(progress.step) if last else timelapse.is_due(progress.step):
        timelapse.write(progress)
