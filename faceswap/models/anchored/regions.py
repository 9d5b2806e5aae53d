"""Regions of a face that shows a mesh: its halves, and the inside of eyes and mouth."""

import torch
from torch import Tensor

from faceswap.geometry.mesh_shape import LOWER_LIDS, LOWER_LIP, PUPILS, UPPER_LIDS, UPPER_LIP

_TOP, _CHIN, _NOSE = 10, 152, 1
_BORDER = 0.92  # of the way from the top of the forehead to the tip of the nose
_BAND = 0.08  # half of the width of the transition, as a fraction of the face's height
_SPREAD = 0.05
# Plain numbers: torch.compile cannot index with those of numpy.
_UPPER = [*UPPER_LIDS.tolist(), *UPPER_LIP.tolist()]
_LOWER = [*LOWER_LIDS.tolist(), *LOWER_LIP.tolist()]
FINE_POINTS = [*_UPPER, *_LOWER, *PUPILS.tolist()]
"""Points whose places are seen to a pixel: edges of eyes and mouth, and pupils."""


def upper_half(shape: Tensor, side: int) -> Tensor:
    """Weight of the upper half of the face at each place, ``(B, 1, side, side)`` in [0, 1].

    The border is below the eyes, across the face's own axis.

    Args:
        shape: Mesh, ``(B, 478, 2)`` in normalised coordinates.
        side: Side of the result.
    """
    top = shape[:, _TOP]
    axis = shape[:, _CHIN] - top
    height = axis.square().sum(1, keepdim=True)
    steps = (torch.arange(side, device=shape.device) * 2 + 1) / side - 1
    along = axis / height
    x, y = along[:, :1, None] * steps, along[:, 1:, None] * steps[:, None]
    position = x + y - (top * along).sum(1)[:, None, None]
    border = ((shape[:, _NOSE] - top) * along).sum(1)[:, None, None] * _BORDER
    return ((border - position) / (2 * _BAND) + 0.5).clamp(0, 1)[:, None]


def openings(shape: Tensor, side: int) -> Tensor:
    """Inside of eyes and mouth, ``(B, 1, side, side)`` in [0, 1], with a soft border.

    Args:
        shape: Mesh, ``(B, 478, 2)`` in normalised coordinates.
        side: Side of the result.
    """
    upper, lower = shape[:, _UPPER], shape[:, _LOWER]
    points = torch.cat([upper, lower, (upper + lower) / 2, 0.75 * upper + 0.25 * lower], 1)
    points = torch.cat([points, 0.25 * upper + 0.75 * lower], 1)
    steps = (torch.arange(side, device=shape.device) * 2 + 1) / side - 1
    near = ((steps - points[..., None]).square() * (-0.5 / _SPREAD**2)).exp()  # (B, P, 2, side)
    summed = near[:, :, 1].transpose(1, 2) @ near[:, :, 0]
    return summed.clamp(max=1)[:, None]
