"""Swaps the faces of frames: crop, decode, transfer colour, mask, paste."""

from collections.abc import Sequence
from itertools import groupby, islice
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.compositing import CompositeSettings, match_colour, paste, visible_part
from faceswap.conversion.faces import SourceFace, batch_guides
from faceswap.conversion.guidance import build_guidance
from faceswap.conversion.masks import build_face_masks
from faceswap.core.device import supports_bf16
from faceswap.core.threads import operator_threads
from faceswap.geometry.alignment import crop_matrix, matrix_scale, of_stored, place_face, warp
from faceswap.models.model_file import LoadedModel

Image = NDArray[np.uint8]

_BATCH_PIXELS = 8 * 512**2  # of the faces that are swapped at once: their memory is bounded


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
        masks: Masks of the faces to replace.
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
        self.masks = build_face_masks(
            settings.mask,
            self._coverage,
            str(self._device),
            settings.mask_model,
            settings.edge,
            keep=settings.keep,
            use_predicted=settings.predicted,
        )
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
        cuts = [
            self._cut(frame, face, pixel_aspect)
            for frame, of_frame in zip(frames, faces, strict=True)
            for face in of_frame
        ]
        # Larger faces are nearer, and cover smaller ones.
        cuts.sort(key=lambda cut: cut.across)
        with operator_threads(self._threads), torch.inference_mode():
            for detail, group in groupby(cuts, lambda cut: cut.detail):
                most = max(1, _BATCH_PIXELS // detail**2)
                alike = iter(group)
                while chunk := list(islice(alike, most)):
                    self._swap(chunk, pixel_aspect)

    def _cut(self, frame: Image, face: SourceFace, pixel_aspect: float) -> "_Cut":
        """Cuts a face from its frame, before another one is pasted beside it."""
        size = self._model.input_size
        matrix = crop_matrix(face.landmarks, 1, self._coverage)
        across = 1 / matrix_scale(matrix)
        # The least that has the resolution of the frame.
        detail = self._model.detail
        while self.guidance is not None and detail // 2 >= max(across, size):
            detail //= 2
        crops = []
        for side in sorted({size, max(size, detail)}):
            matrix = crop_matrix(face.landmarks, side, self._coverage)
            crops.append(warp(frame, of_stored(matrix, pixel_aspect), side))
        matrix = crop_matrix(face.landmarks, size, self._coverage)
        landmarks, mesh = place_face(matrix, face.landmarks, face.mesh)
        return _Cut(frame, face, across, detail, crops[0], crops[-1], landmarks, mesh)

    def _swap(self, cuts: Sequence["_Cut"], pixel_aspect: float) -> None:
        """Swaps faces of equal detail, and pastes them."""
        crops = [cut.crop for cut in cuts]
        guides, shown_meshes = None, None
        if self.guidance is not None:
            guides = batch_guides(cut.face for cut in cuts)
            shown_meshes = list((guides.shape.numpy() + 1) * self._model.input_size / 2 - 0.5)
            guides = guides.to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            decoded = self._model.swap(self._to_device(crops), self.to, guides, cuts[0].detail)
        masks = self.masks(
            crops,
            [cut.landmarks for cut in cuts],
            [cut.mesh for cut in cuts],
            decoded.mask,
            shown_meshes,
        ).to(self._device)
        # Not the smaller crops: the contrast of a face depends on the resolution.
        detailed = self._to_device([cut.detailed for cut in cuts])
        visible = [
            visible_part(
                cut.frame.shape,
                cut.face.landmarks,
                self._coverage,
                masks.shape[-1],
                pixel_aspect,
            )
            for cut in cuts
        ]
        swapped = match_colour(
            decoded.face,
            detailed,
            masks,
            self._coverage,
            self.settings,
            torch.stack(visible).to(self._device),
        )
        for cut, face, mask in zip(cuts, swapped, masks, strict=True):
            paste(cut.frame, face, mask, cut.face.landmarks, self._coverage, pixel_aspect)

    def _to_device(self, crops: Sequence[Image]) -> torch.Tensor:
        """``(B, 3, S, S) float32`` in [0, 1]."""
        return torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2).float() / 255


class _Cut(NamedTuple):
    """A face to swap, cut from its frame.

    Attributes:
        frame: Frame, ``(H, W, 3) uint8 RGB``.
        face: The face.
        across: Side of the crop in pixels of the frame.
        detail: Side of the swapped face.
        crop: Crop that is encoded, ``(s, s, 3) uint8 RGB``.
        detailed: Crop of the resolution of the swapped face, or ``crop`` if that has more.
        landmarks: Landmarks, ``(68, 2)`` in pixels of ``crop``.
        mesh: Face mesh, ``(478, 2)`` in pixels of ``crop``; None if the landmarker gives none.
    """

    frame: Image
    face: SourceFace
    across: float
    detail: int
    crop: Image
    detailed: Image
    landmarks: NDArray[np.floating]
    mesh: NDArray[np.floating] | None
