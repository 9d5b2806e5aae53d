"""Swaps the faces of frames: cut, network, colour, mask, paste."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.compositing import CompositeSettings, face_masks, match_colour, paste
from faceswap.core.device import supports_bf16
from faceswap.core.threads import operator_threads
from faceswap.geometry.alignment import crop_matrix, transform_points, warp
from faceswap.maskers import build_masker
from faceswap.models.model_file import LoadedModel

Image = NDArray[np.uint8]
Landmarks = NDArray[np.floating]


class Swapper:
    """Draws every face it is shown as one identity.

    Args:
        loaded: The model, on the device where the work is to be done.
        to: The identity to draw.
        settings: How faces are put back.

    Attributes:
        loaded: The model.
        to: The identity it draws.
        settings: How faces are put back.
        masker: Says which pixels are face.

    Raises:
        IdentityError: The model does not know ``to``.
        ConfigError: There is no such masker, or it lacks its network.
    """

    def __init__(self, loaded: LoadedModel, to: str, settings: CompositeSettings) -> None:
        loaded.model.check_identity(to)
        self.loaded, self.to = loaded, to
        self._model = loaded.model
        self._coverage = loaded.coverage
        self.settings = settings
        self._device = next(loaded.model.parameters()).device
        self.masker = build_masker(settings.mask, str(self._device), model=settings.mask_model)
        self._bf16 = supports_bf16(self._device)
        # Half of the cores: the others decode, track and encode at the same time.
        self._threads = max(1, torch.get_num_threads() // 2)

    def __call__(self, frames: Sequence[Image], faces: Sequence[Sequence[Landmarks]]) -> None:
        """Swaps the faces of several frames in place; their faces make one batch.

        Args:
            frames: ``(H, W, 3) uint8 RGB`` each.
            faces: For each frame, the ``(68, 2)`` landmarks of its faces in frame pixels.
        """
        shown = [
            (frame, landmarks)
            for frame, of_frame in zip(frames, faces, strict=True)
            for landmarks in of_frame
        ]
        if shown:
            with operator_threads(self._threads), torch.inference_mode():
                self._swap(shown)

    def _swap(self, shown: Sequence[tuple[Image, Landmarks]]) -> None:
        size = self._model.input_size
        matrices = [crop_matrix(landmarks, size, self._coverage) for _, landmarks in shown]
        crops = [warp(frame, m, size) for (frame, _), m in zip(shown, matrices, strict=True)]
        points = [transform_points(m, p) for m, (_, p) in zip(matrices, shown, strict=True)]
        batch = torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            drawn, predicted, _ = self._model.swap(batch, to=self.to)
        masks = face_masks(crops, points, self._coverage, self.settings, self.masker, predicted)
        masks = masks.to(self._device)
        faces_drawn = match_colour(drawn, batch, masks, self.settings)
        for (frame, landmarks), face, mask in zip(shown, faces_drawn, masks, strict=True):
            paste(frame, face, mask, landmarks, self._coverage)
