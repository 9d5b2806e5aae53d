"""Decodes the faces that are cut from frames, and measures what their match needs."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.faces.source_faces import batch_guides
from faceswap.conversion.masks.face_masks import FacesToMask
from faceswap.conversion.swap.decoded_face import DecodedFace
from faceswap.conversion.swap.face_cut import Crop, FaceCut, visible_part
from faceswap.conversion.swap.parts import SwapParts
from faceswap.core.device import supports_bf16
from faceswap.core.errors import ConfigError
from faceswap.models.amp import MorphingAutoencoder
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.inference import resize
from faceswap.models.model_file import LoadedModel


class FaceDecoder:
    """Decodes batches of faces of one target identity, whose crops have the same sides.

    Args:
        loaded: Model, on the device to compute on.
        parts: Parts of the swap.

    Raises:
        ConfigError: The parts have a morph factor, and the model has none.
    """

    def __init__(self, loaded: LoadedModel, parts: SwapParts) -> None:
        self._model, self._coverage, self._parts = loaded.model, loaded.coverage, parts
        self._guided = isinstance(loaded.model, GuidedAutoencoder)
        self._device = next(loaded.model.parameters()).device
        self._bf16 = supports_bf16(self._device)
        if parts.morph is not None and not isinstance(self._model, MorphingAutoencoder):
            raise ConfigError(
                f"The model {loaded.meta.architecture!r} has no morph factor, found {parts.morph}.",
                "Omit decode.morph, or train a model of the family amp.",
            )

    def __call__(self, cuts: Sequence[FaceCut]) -> list[DecodedFace]:
        """Decodes faces, makes their masks, and measures their colours and their softness."""
        detail, to = cuts[0].detail, cuts[0].face.to
        guides, shown_meshes = None, None
        if self._guided:
            guides = batch_guides(cut.face for cut in cuts)
            shown_meshes = list((guides.shape.numpy() + 1) * self._model.input_size / 2 - 0.5)
            guides = guides.to(self._device)
        crops = self._to_device([cut.crop for cut in cuts])
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._bf16):
            if isinstance(self._model, MorphingAutoencoder) and self._parts.morph is not None:
                decoded = self._model.swap(crops, to, morph=self._parts.morph)
            else:
                decoded = self._model.swap(crops, to, guides, detail)
        faces = FacesToMask(
            [_eight_bit(cut.crop) for cut in cuts],
            [cut.landmarks for cut in cuts],
            [cut.mesh for cut in cuts],
            decoded.mask,
            shown_meshes,
            [cut.face.covered for cut in cuts],
        )
        masks = self._parts.masks(faces).to(self._device)
        # Not the smaller crops: the contrast of a face depends on the resolution.
        is_same = cuts[0].detailed is cuts[0].crop
        targets = crops if is_same else self._to_device([cut.detailed for cut in cuts])
        parameters = self._measure(cuts, decoded.face, targets, masks)
        each = zip(cuts, decoded.face, targets, masks, parameters, strict=True)
        return [DecodedFace(*face) for face in each]

    def _measure(
        self, cuts: Sequence[FaceCut], faces: Tensor, targets: Tensor, masks: Tensor
    ) -> Tensor:
        """Parameters of the colour match and missing softness, ``(B, P)``."""
        colour, detail = self._parts.colour, self._parts.detail
        side = masks.shape[-1]
        visible = torch.stack([visible_part(cut.matrix, cut.size, side) for cut in cuts])
        known = masks * visible.to(self._device)
        measured = [colour.measure(faces, targets, known, masks, self._coverage)]
        if detail.settings.softness:
            across = faces.new_tensor([cut.across for cut in cuts])
            measured.append(detail.measure(faces, resize(targets, faces.shape[-1]), known, across))
        else:
            measured.append(faces.new_zeros(len(faces), 1))
        return torch.cat(measured, 1)

    def _to_device(self, crops: Sequence[Crop]) -> Tensor:
        """``(B, 3, S, S) float32`` in [0, 1]."""
        return torch.from_numpy(np.stack(crops)).to(self._device).permute(0, 3, 1, 2)


def _eight_bit(crop: Crop) -> NDArray[np.uint8]:
    return np.rint(crop * 255).astype(np.uint8)
