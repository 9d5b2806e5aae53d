"""What a swapped face shows at its border that is no face: hair and background of its references.

There the frame's own pixels stay, so that the edge of the composite runs through skin.
"""

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.colour.grid_blur import grid_blur
from faceswap.core.area import area_mean
from faceswap.geometry.landmarks68 import LEFT_BROW, RIGHT_BROW
from faceswap.maskers.regions import EYES, MOUTH, fill_features

_GRID = 128  # side of the grid on which colours are compared
_COARSE = 32  # side of the grid on which distances to the border are measured
_NEAR = 0.09  # face squares: twice this far inside, everything is face
_LEAST, _MOST = 0.05, 0.14  # distance in RGB that a face may have, and that shows something else
_MARGIN = 0.04  # face squares around features, whose colours are not those of skin
# From each temple to the eye: the arms of the frame's own glasses stay covered.
_ARMS = (slice(0, 37, 36), slice(16, 46, 29))
_FEATURES = (LEFT_BROW, RIGHT_BROW, *EYES, *MOUTH, *_ARMS)


def clean_border(
    faces: Tensor,
    targets: Tensor,
    masks: Tensor,
    landmarks: Sequence[NDArray[np.floating]],
    coverage: float,
) -> Tensor:
    """Takes out of masks what is no face near their borders.

    That is what is farther from the colour of the face's skin than the frame is at the same place.

    Args:
        faces: Swapped faces with the colours of the frame, ``(B, 3, S, S) float32 RGB`` in [0, 1].
        targets: The frame's own faces, ``(B, 3, s, s)``.
        masks: Soft masks, ``(B, 1, M, M)`` in [0, 1].
        landmarks: Landmarks of the frame's own faces, ``(68, 2)`` in units of the crop, 0 to 1.
        coverage: Side of the crops in face squares.

    Returns:
        Masks that are nowhere larger, ``(B, 1, M, M)``.
    """
    grid, unit = (_GRID, _GRID), _GRID / coverage
    faces, targets, inside = (area_mean(v, _GRID) for v in (faces, targets, masks))
    small = area_mean(inside, _COARSE)
    near = (2 - 2 * grid_blur(small, _NEAR * _COARSE / coverage)).clamp(0, 1)
    near = F.interpolate(near, grid, mode="bilinear", align_corners=False)
    core = inside * (1 - near)
    skin = (faces * core).sum((2, 3), keepdim=True) / core.sum((2, 3), keepdim=True).clamp_min(1e-3)
    own, other = (
        (image - skin).square().mean(1, keepdim=True).sqrt() for image in (faces, targets)
    )
    foreign = ((own - other - _LEAST) / (_MOST - _LEAST)).clamp(0, 1)
    features = [
        fill_features(_GRID, points * _GRID - 0.5, _FEATURES, _MARGIN * unit)
        for points in landmarks
    ]
    skinned = torch.from_numpy(np.stack(features)[:, None] == 0).to(masks)
    taken = grid_blur(foreign * near * skinned, 1.0)
    return masks * (1 - F.interpolate(taken, masks.shape[-2:], mode="bilinear"))
