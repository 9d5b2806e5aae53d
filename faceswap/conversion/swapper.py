"""Swaps the faces of frames: crop, decode, transfer colour, mask, paste."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.compositing import CompositeSettings, face_masks, match_colour, paste
from faceswap.core.device import supports_bf16
from faceswap.core.threads import operator_threads
from faceswap.geometry.alignment import crop_matrix, of_stored, transform_points, warp
from faceswap.maskers import build_masker
from faceswap.models.model_file import LoadedModel

Image = NDArray[np.uint8]
Landmarks = NDArray[np.floating]


class Swapper:
    """Swaps every face of a frame to one identity.

    Args:
        loaded: Model, on the device to compute on.
        to: Identity to decode as.
        settings: Compositing settings.

    Attributes:
        loaded: Model.
        to: Identity of the swapped faces.
        settings: Compositing settings.
        masker: Masker of the crops.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ConfigError: The masker is not registered, or its network is missing.
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

    def __call__(
        self,
        frames: Sequence[Image],
        faces: Sequence[Sequence[Landmarks]],
        pixel_aspect: float = 1.0,
    ) -> None:
        """Swaps the faces of several frames in place; their faces make one batch.

        Args:
            frames: Frames, ``(H, W, 3) uint8 RGB`` each.
            faces: Landmarks of the faces of each frame, ``(68, 2)`` each in pixels of the frame as
                it is displayed.
            pixel_aspect: Width over height of a pixel of the frames.
        """
        found = [
            (frame, landmarks)
            for frame, of_frame in zip(frames, faces, strict=True)
            for landmarks in of_frame
        ]
        if found:
            with operator_threads(self._threads), torch.inference_mode():
                self._swap(found, pixel_aspect)

    def _swap(self, found: Sequence[tuple[Image, Landmarks]], pixel_aspect: float) -> None:
        size = self._model.input_size
        matrices = [crop_matrix(landmarks, size, self._coverage) for _, landmarks in found]
        crops = [
            warp(frame, of_stored(matrix, pixel_aspect), size)
            for (frame, _), matrix in zip(found, matrices, strict=True)
        ]
        points = [transform_points(m, p) for m, (_, p) in zip(matrices, found, strict=True)]
        batch = torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2).float() / 255
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            decoded, predicted, _ = self._model.swap(batch, to=self.to)
        masks = face_masks(crops, points, self._coverage, self.settings, self.masker, predicted)
        masks = masks.to(self._device)
        swapped = match_colour(decoded, batch, masks, self.settings)
        for (frame, landmarks), face, mask in zip(found, swapped, masks, strict=True):
            paste(frame, face, mask, landmarks, self._coverage, pixel_aspect)
