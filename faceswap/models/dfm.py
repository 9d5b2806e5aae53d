"""Models as DFM: what DeepFaceLive, facefusion and VisoMaster give to a model and take from it.

They cut faces in their own way and hand over whole batches of BGR pixels, so the graph contains the
way from their cut to that of the model and back.
"""

import torch
from torch import Tensor, nn

from faceswap.geometry.dfl_cut import dfl_place
from faceswap.models.portable import PortableSwap

OPSET = 12
"""Version of the operators that the readers know."""

INPUT, MORPH = "in_face:0", "morph_value:0"
"""Names of the inputs; the morph factor is one of models that have it."""

OUTPUTS = ("out_face_mask:0", "out_celeb_face:0", "out_celeb_face_mask:0")
"""Names of the outputs; the readers unpack them in this order."""

_STEP = 16  # px that the side of the cut is a multiple of
_EDGE = 0.05  # of our crop: width in which the decoded face fades into the one that went in


class DfmSwap(nn.Module):
    """A swap to one identity between the cut of DFM models and that of ours.

    Args:
        swap: Swap of a model that predicts a mask.
        coverage: Side of its crop in face squares.

    Attributes:
        side: Side S of the faces in pixels, at which a decoded face keeps its resolution.
    """

    def __init__(self, swap: PortableSwap, coverage: float) -> None:
        super().__init__()
        self.swap = swap
        scale, corner = dfl_place(coverage)
        given, made = swap.model.input_size, swap.model.output_size
        self.side = max(1, round(max(given, made) / scale / _STEP)) * _STEP
        # Both cuts are upright, so rows and columns are resampled one after the other.
        places = [(float(start), scale) for start in corner]  # of columns, of rows
        inwards = [_inwards(self.side, given, *place) for place in places]
        outwards = [_outwards(made, self.side, *place) for place in places]
        self.columns_in, self.rows_in = map(nn.Buffer, inwards)
        self.columns_out, self.rows_out = map(nn.Buffer, outwards)
        across, down = (_inside(self.side, *place) for place in places)
        self.inside = nn.Buffer(down[:, None] * across)

    def forward(self, faces: Tensor, morph: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Swaps faces.

        Args:
            faces: Faces, ``(N, S, S, 3) float32 BGR`` in [0, 1].
            morph: Morph factor, ``(1,)``, for models that have one.

        Returns:
            Mask of the faces, ``(N, S, S, 1)``; swapped faces, ``(N, S, S, 3) BGR``; their masks.
            The model predicts one mask, which is given twice.
        """
        images = faces.flip(-1).permute(0, 3, 1, 2)
        face, mask = self.swap(self.rows_in @ images @ self.columns_in.T, morph)
        face, mask = (self.rows_out @ each @ self.columns_out.T for each in (face, mask))
        mask = (mask * self.inside).permute(0, 2, 3, 1)
        whole = images + (face - images) * self.inside
        return mask, whole.permute(0, 2, 3, 1).flip(-1), mask


def _inwards(side: int, size: int, start: float, length: float) -> Tensor:
    """Matrix ``(size, side)`` that cuts pixels out, without aliasing.

    Args:
        side: Number of given pixels.
        size: Number of wanted pixels.
        start: Start of the first wanted pixel, in sides.
        length: Length of all wanted pixels, in sides.
    """
    places = (start + (torch.arange(size) + 0.5) / size * length) * side - 0.5
    return _weights(places, side, max(1.0, length * side / size))


def _outwards(size: int, side: int, start: float, length: float) -> Tensor:
    """Matrix ``(side, size)`` that puts pixels back; beyond them the edge is repeated."""
    places = ((torch.arange(side) + 0.5) / side - start) / length * size - 0.5
    return _weights(places, size, max(1.0, size / (length * side)))


def _weights(places: Tensor, count: int, reach: float) -> Tensor:
    """Linear interpolation at places among ``count`` pixels, wider by ``reach``."""
    apart = (places.clamp(0, count - 1)[:, None] - torch.arange(count)).abs()
    weights = (1 - apart / reach).clamp_min(0)
    return weights / weights.sum(1, keepdim=True)


def _inside(side: int, start: float, length: float) -> Tensor:
    """Weight ``(side,)`` of the decoded face: 0 outside our crop, rising to 1 within ``_EDGE``."""
    places = ((torch.arange(side) + 0.5) / side - start) / length
    return (torch.minimum(places, 1 - places) / _EDGE).clamp(0, 1)
