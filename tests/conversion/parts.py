"""Parts of a swap for tests."""

from faceswap.conversion.colour_match import ColourMatch
from faceswap.conversion.mask_edge import MaskEdge
from faceswap.conversion.masks import build_face_masks
from faceswap.conversion.swap_parts import SwapParts


def make_parts(colour: str = "none", coverage: float = 1.25, erode: float = 0.0) -> SwapParts:
    """Default parts but for the colours and the erosion."""
    masks = build_face_masks("hull", coverage, edge=MaskEdge(erode))
    match = ColourMatch(colour, border_light=colour != "none")
    return SwapParts(masks, match, facts={"colour": colour})
