"""The faces that the previews of a training show."""

from collections.abc import Mapping

import torch

from faceswap.training.monitoring.preview import preview_grid
from faceswap.training.monitoring.preview_writer import PreviewWriter
from faceswap.training.monitoring.shown_faces import ShownFaces
from faceswap.training.run.choice import ModelChoice


class Previews:
    """Draws and writes the previews of a run; used by the first process only.

    Args:
        writer: Writer of the images.
        choice: Models of the training, not wrapped by Accelerate; the chosen one is shown.
        faces: Faces of each identity.
        device: Device of the models.
        bf16: Whether to compute in bf16.
    """

    def __init__(
        self,
        writer: PreviewWriter,
        choice: ModelChoice,
        faces: Mapping[str, ShownFaces],
        device: torch.device,
        bf16: bool,
    ) -> None:
        self._writer, self._choice, self._faces = writer, choice, faces
        self._device, self._bf16 = device, bf16

    def has_shown(self, step: int) -> bool:
        """Whether the preview of a step was written."""
        return self._writer.path(step).is_file()

    def show(self, step: int) -> None:
        """Writes the preview ``step-*.jpg``."""
        model = self._choice.model.eval()
        image = preview_grid(model, self._faces, self._device, self._bf16)
        model.train()
        self._writer.write(image, step)
