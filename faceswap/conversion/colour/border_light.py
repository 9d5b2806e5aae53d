"""The light of the frame at the border of a swapped face.

A face has a narrow edge for details and a wide one for light, as in multi-band blending (Burt and
Adelson 1983).
"""

import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.colour.grid_blur import grid_blur
from faceswap.core.area import area_mean

_GRID = 32  # side of the grid on which the light of faces is compared
_LIGHT = 0.12  # face squares: differences that are wider are light, narrower ones are features
_BORDER = 0.06  # face squares: twice this far inside, a face keeps its own light
_FEATURE = 0.1  # differences of this size count half: larger ones are hair rather than light

LIGHT_SHAPE = (3, _GRID, _GRID)
"""Shape of the light of a face."""


def measure_light(
    faces: Tensor, targets: Tensor, weights: Tensor, masks: Tensor, coverage: float
) -> Tensor:
    """Light that faces lack at the border of their masks.

    Args:
        faces: Swapped faces, ``(B, 3, h, w) float32 RGB``.
        targets: The frame's own faces, of the same shape.
        weights: Known part of both, ``(B, 1, h, w)`` in [0, 1].
        masks: Face masks, ``(B, 1, M, M)`` in [0, 1].
        coverage: Side of the crops in face squares.

    Returns:
        Change of RGB, ``(B, *LIGHT_SHAPE) float32``; zero deep inside the masks.
    """
    unit = _GRID / coverage
    inside = area_mean(weights, _GRID)
    # What is outside the mask is no part of either face.
    difference = area_mean((targets - faces) * weights, _GRID)
    size = (difference / inside.clamp_min(1e-3)).abs().mean(1, keepdim=True)
    trust = 1 / (1 + (size / _FEATURE).square())
    total = grid_blur(inside * trust, _LIGHT * unit).clamp_min(1e-3)
    light = grid_blur(difference * trust, _LIGHT * unit) / total
    border = 2 - 2 * grid_blur(area_mean(masks, _GRID), _BORDER * unit)
    return light * border.clamp(0, 1)


def add_light(faces: Tensor, light: Tensor) -> Tensor:
    """Faces ``(B, 3, H, W)`` in a light ``(B, *LIGHT_SHAPE)``."""
    change = F.interpolate(light, faces.shape[-2:], mode="bilinear", align_corners=False)
    return faces + change
