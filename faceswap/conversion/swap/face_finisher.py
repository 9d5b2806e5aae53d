"""Finishes decoded faces: their colours, masks, enhancers and place."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.detail.chain import FaceInFrame
from faceswap.conversion.detail.enhancers import FaceCrops
from faceswap.conversion.masks.clean_border import clean_border
from faceswap.conversion.swap.compositing import SwappedFace
from faceswap.conversion.swap.decoded_face import DecodedFace
from faceswap.conversion.swap.parts import SwapParts
from faceswap.geometry.alignment import matrix_scale
from faceswap.models.inference import resize
from faceswap.models.model_file import LoadedModel


class FaceFinisher:
    """Finishes batches of faces whose images have the same sides.

    Args:
        loaded: Model of the faces.
        parts: Parts of the swap.
    """

    def __init__(self, loaded: LoadedModel, parts: SwapParts) -> None:
        self._input, self._coverage, self._parts = loaded.model.input_size, loaded.coverage, parts

    def __call__(self, faces: Sequence[DecodedFace]) -> list[SwappedFace]:
        """Faces with matched colours, enhanced, ready to be blended."""
        images = torch.stack([face.image for face in faces])
        colours, softness = torch.stack([face.parameters for face in faces]).split(
            [faces[0].parameters.numel() - 1, 1], 1
        )
        images = self._parts.colour.apply(images, colours)
        masks = self._masks(images, faces)
        if self._parts.detail.enhances:
            images = self._enhance(images, faces)
        return [
            self._swapped(face, *rest)
            for face, *rest in zip(faces, images, masks, softness, strict=True)
        ]

    def _masks(self, images: Tensor, faces: Sequence[DecodedFace]) -> Tensor:
        """Masks of faces of one size, without what is no face at their borders."""
        masks = torch.stack([face.mask for face in faces])
        if not self._parts.clean:
            return masks
        targets = torch.stack([face.target for face in faces])
        points = [(face.cut.landmarks + 0.5) / self._input for face in faces]
        return clean_border(images, targets, masks, points, self._coverage)

    def _enhance(self, images: Tensor, faces: Sequence[DecodedFace]) -> Tensor:
        targets = torch.stack([face.target for face in faces])
        side, scale = targets.shape[-1], targets.shape[-1] / self._input
        # Not bilinear, which would cost sharpness.
        larger = F.interpolate(images, (side, side), mode="bicubic", align_corners=False)
        crops = FaceCrops(
            larger.clamp_(0, 1) if side != images.shape[-1] else images,
            targets,
            resize(torch.stack([face.mask for face in faces]), side),
            [(face.cut.landmarks + 0.5) * scale - 0.5 for face in faces],
            self._coverage,
        )
        return self._parts.detail.enhance(crops)

    def _swapped(
        self, face: DecodedFace, image: Tensor, mask: Tensor, softness: Tensor
    ) -> SwappedFace:
        cut, coverage = face.cut, self._coverage
        square = 2 / (coverage * matrix_scale(cut.matrix))
        place = FaceInFrame(square, softness, face.motion, (cut.face.track, cut.frame))
        matrix = self._parts.placement.move(cut.matrix, coverage)
        return SwappedFace(cut.face, matrix, image, mask * cut.face.opacity, place)


def finished_sides(face: DecodedFace) -> tuple[int, int]:
    """Sides of the frame's own face and of the decoded one."""
    return face.target.shape[-1], face.image.shape[-1]
