"""Swaps the faces of frames: crop, decode, transfer colour, mask, paste."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.compositing import CompositeSettings, face_masks, match_colour, paste
from faceswap.conversion.faces import SourceFace, batch_guides
from faceswap.conversion.guidance import build_guidance
from faceswap.core.device import supports_bf16
from faceswap.core.threads import operator_threads
from faceswap.geometry.alignment import crop_matrix, matrix_scale, of_stored, transform_points, warp
from faceswap.maskers import build_masker
from faceswap.models.model_file import LoadedModel

Image = NDArray[np.uint8]

_BATCH_PIXELS = 8 << 18  # of the faces that are swapped at once: their memory is bounded


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
        guidance: Guidance of the target identity; None unless the model is guided.

    Raises:
        IdentityError: The model was not trained on ``to``.
        ModelFileError: A guided model has no references of ``to``.
        ConfigError: The masker is not registered, or its network is missing.
    """

    def __init__(self, loaded: LoadedModel, to: str, settings: CompositeSettings) -> None:
        loaded.model.check_identity(to)
        self.loaded, self.to = loaded, to
        self._model = loaded.model
        self._coverage = loaded.coverage
        self.guidance = build_guidance(loaded, to)
        self.settings = settings
        self._device = next(loaded.model.parameters()).device
        self.masker = build_masker(settings.mask, str(self._device), model=settings.mask_model)
        self._bf16 = supports_bf16(self._device)
        # Half of the cores: the others decode, track and encode at the same time.
        self._threads = max(1, torch.get_num_threads() // 2)

    def __call__(
        self,
        frames: Sequence[Image],
        faces: Sequence[Sequence[SourceFace]],
        pixel_aspect: float = 1.0,
    ) -> None:
        """Swaps the faces of several frames in place, in batches.

        Args:
            frames: Frames, ``(H, W, 3) uint8 RGB`` each.
            faces: Faces of each frame; a guided model needs their guides.
            pixel_aspect: Width over height of a pixel of the frames.
        """
        by_detail: dict[int, list[tuple[Image, SourceFace]]] = {}
        for frame, of_frame in zip(frames, faces, strict=True):
            for face in of_frame:
                by_detail.setdefault(self._detail(face), []).append((frame, face))
        with operator_threads(self._threads), torch.inference_mode():
            for detail, found in by_detail.items():
                most = max(1, _BATCH_PIXELS // detail**2)
                for start in range(0, len(found), most):
                    self._swap(found[start : start + most], pixel_aspect, detail)

    def _detail(self, face: SourceFace) -> int:
        """Side of the swapped face: the least that has the resolution of the frame."""
        across = 1 / matrix_scale(crop_matrix(face.landmarks, 1, self._coverage))
        detail = self._model.detail
        while detail // 2 >= max(across, self._model.input_size):
            detail //= 2
        return detail

    def _swap(
        self, found: Sequence[tuple[Image, SourceFace]], pixel_aspect: float, detail: int
    ) -> None:
        size = self._model.input_size
        crops, points = self._cut(found, pixel_aspect, size)
        batch, guides = self._to_device(crops), None
        if self.guidance is not None:
            guides = batch_guides(face for _, face in found).to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            decoded = self._model.swap(batch, self.to, guides, detail)
        masks = face_masks(crops, points, self._coverage, self.settings, self.masker, decoded.mask)
        masks = masks.to(self._device)
        if detail > size:  # the contrast of a face depends on the resolution
            batch = self._to_device(self._cut(found, pixel_aspect, detail)[0])
        swapped = match_colour(decoded.face, batch, masks, self.settings)
        for (frame, source), face, mask in zip(found, swapped, masks, strict=True):
            paste(frame, face, mask, source.landmarks, self._coverage, pixel_aspect)

    def _cut(
        self, found: Sequence[tuple[Image, SourceFace]], pixel_aspect: float, size: int
    ) -> tuple[list[Image], list[NDArray[np.floating]]]:
        """Crops of the faces, ``(size, size, 3) uint8``, and the landmarks in them."""
        crops, points = [], []
        for frame, face in found:
            matrix = crop_matrix(face.landmarks, size, self._coverage)
            crops.append(warp(frame, of_stored(matrix, pixel_aspect), size))
            points.append(transform_points(matrix, face.landmarks))
        return crops, points

    def _to_device(self, crops: Sequence[Image]) -> torch.Tensor:
        """``(B, 3, S, S) float32`` in [0, 1]."""
        return torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2).float() / 255
