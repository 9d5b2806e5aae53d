"""Poorer pictures on purpose: less resolution, fewer colours."""

import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.detail.luma import rgb_to_ycc, ycc_to_rgb

_SMALLEST = 0.2  # size of a reduced face over its own at strength 1
_COARSEST = 1 / 12  # step of luma and colour differences at strength 1
_CHROMA = 2  # colour differences have half the resolution, as in JPEG files


def reduce_size(faces: Tensor, strength: float) -> Tensor:
    """Reduces faces and enlarges them again, which removes detail.

    Args:
        faces: Faces, ``(B, 3, H, W) float32 RGB`` in [0, 1].
        strength: 0 (no change) to 1 (a fifth of the resolution).
    """
    size = faces.shape[-2:]
    kept = 1 - strength * (1 - _SMALLEST)
    small = tuple(max(1, round(kept * side)) for side in size)
    reduced = F.interpolate(faces, small, mode="bicubic", antialias=True, align_corners=False)
    return F.interpolate(reduced, size, mode="bicubic", align_corners=False).clamp_(0, 1)


def reduce_colours(faces: Tensor, strength: float) -> Tensor:
    """Leaves faces fewer colours: coarse colour differences in steps, and luma in steps.

    Args:
        faces: Faces, ``(B, 3, H, W) float32 RGB`` in [0, 1].
        strength: 0 (no change) to 1 (a twelfth of the range in a step).
    """
    step, size = strength * _COARSEST, faces.shape[-2:]
    ycc = rgb_to_ycc(faces)
    coarse = F.avg_pool2d(ycc[:, 1:], _CHROMA, ceil_mode=True, count_include_pad=False)
    coarse = (coarse / step).round() * step
    ycc[:, :1] = (ycc[:, :1] / step).round() * step
    ycc[:, 1:] = F.interpolate(coarse, size, mode="bilinear", align_corners=False)
    return ycc_to_rgb(ycc).clamp_(0, 1)
