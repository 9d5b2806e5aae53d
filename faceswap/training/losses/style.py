"""Terms that make swaps look like the faces that they replace: colours, light, background.

As the style losses of DeepFaceLab, which compare the decoded with the replaced face.
"""

import torch
from torch import Tensor

from faceswap.training.losses.blur import blur
from faceswap.training.losses.pixels import l2, weighted_mean
from faceswap.training.losses.structure import dssim

_PATCHES = 16  # standard deviations of the window in the side of an image
_EMPTY = 1e-3  # fraction of a window below which it counts as without any face
_FLAT = 1e-6  # the slope of a square root is infinite at 0


def face_style(swapped: Tensor, replaced: Tensor, mask: Tensor) -> Tensor:
    """Squared difference of local means and deviations of colours inside the face, ``(...)``.

    Args:
        swapped: Swapped faces, ``(..., 3, H, W)`` in [0, 1].
        replaced: The faces that they replace, of the same shape.
        mask: Masks of the replaced faces, ``(..., 1, H, W)`` in [0, 1].
    """
    sigma = mask.shape[-1] / _PATCHES
    stride = max(1, int(sigma))
    covered = blur(mask, stride, sigma)
    inside = covered.clamp_min(_EMPTY)

    def statistics(images: Tensor) -> tuple[Tensor, Tensor]:
        mean = blur(images * mask, stride, sigma) / inside
        power = blur(images.square() * mask, stride, sigma) / inside
        return mean, ((power - mean.square()).clamp_min(0) + _FLAT).sqrt()

    (mean, deviation), (wanted_mean, wanted_deviation) = map(statistics, (swapped, replaced))
    differences = (mean - wanted_mean).square() + (deviation - wanted_deviation).square()
    return weighted_mean(differences, torch.where(covered < _EMPTY, 0.0, covered))


def background_style(swapped: Tensor, replaced: Tensor, mask: Tensor, stride: int = 1) -> Tensor:
    """Structural and squared difference outside the face, ``(...)``.

    Args:
        swapped: Swapped faces, ``(..., 3, H, W)`` in [0, 1].
        replaced: The faces that they replace, of the same shape.
        mask: Masks of the replaced faces, ``(..., 1, H, W)`` in [0, 1].
        stride: Stride of the SSIM window in pixels.
    """
    outside = 1 - mask
    return dssim(swapped, replaced, outside, stride) + l2(swapped, replaced, outside)
