"""Parts of a swap for tests."""

from pathlib import Path

import torch
from torch import nn

from faceswap.conversion.colour.match import ColourMatch
from faceswap.conversion.faces.assigned_faces import AssignedFaces
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.masks.edge import MaskEdge
from faceswap.conversion.masks.face_masks import build_face_masks
from faceswap.conversion.swap.blending import alpha
from faceswap.conversion.swap.parts import SwapParts
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta


def make_parts(colour: str = "none", coverage: float = 1.25, erode: float = 0.0) -> SwapParts:
    """Default parts but for the colours, the erosion, and the plain blend."""
    masks = build_face_masks("hull", coverage, edge=MaskEdge(erode))
    match = ColourMatch(colour, border_light=colour != "none")
    return SwapParts(masks, match, blend=alpha, facts={"colour": colour})


def of_frame(faces: AssignedFaces, index: int) -> list[SourceFace]:
    """The faces of a frame of a faceset."""
    return [faces.face(row) for row in faces.rows_of(index)]


class Painter(nn.Module):
    """Decoder that returns one colour for any input."""

    def __init__(self, logits: torch.Tensor) -> None:
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.logits.expand(len(code), 3, 64, 64)


def painter(**logits: torch.Tensor) -> LoadedModel:
    """A model that paints one colour for each identity, given as logits ``(1, 3, 1, 1)``."""
    decoders = {name: Painter(values) for name, values in logits.items()}
    model = FaceAutoencoder(nn.Identity(), nn.Identity(), decoders, 64, 64).eval()
    meta = ModelMeta("painter", {}, tuple(decoders), 1.25, 0)
    return LoadedModel(model, meta, "0" * 64, Path("model"))
