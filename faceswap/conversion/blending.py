"""Blends a swapped face with what lies under it in the frame, by name."""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.membrane import fill_membrane
from faceswap.core.registry import Registry

Blend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps ``under (1, 3, H, W)``, ``face (1, 3, H, W)`` and ``mask (1, 1, H, W)``, ``float32`` in
[0, 1], to the blended ``(1, 3, H, W)``, which is exactly ``under`` where the mask is 0."""

blends: Registry[Blend] = Registry("blend")

_UNUSUAL = 0.2  # difference of colours that is no difference of light
_COARSEST = 24  # px: the coarsest level of a pyramid is no smaller


@blends.register
def alpha(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Weighted mean: the face by the mask, what lies under it by the rest."""
    return torch.lerp(under, face, mask)


@blends.register
def pyramid(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Blends each level of a Laplacian pyramid by a mask of its own (Burt and Adelson, 1983).

    Details keep the edge of the mask, while colours and light pass over within a wide band. The
    mask of a level ends farther inside, so that what is outside stays as it is.
    """
    level, weight = face - under, mask
    bands = []
    while min(level.shape[-2:]) >= 2 * _COARSEST:
        smaller = _half(level)
        bands.append((level - _resized(smaller, level)) * weight)
        # Two pixels inside: as far as a pixel reaches when it is enlarged.
        level, weight = smaller, -F.max_pool2d(-_half(weight), 5, 1, 2)
    total = level * weight
    for band in reversed(bands):
        total = _resized(total, band) + band
    return under + total * (mask > 0)


def _half(images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    size = ((height + 1) // 2, (width + 1) // 2)
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _resized(images: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(images, like.shape[-2:], mode="bilinear", align_corners=False)


@blends.register
def poisson(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Takes the gradients of the face and the colours of the frame (Perez et al., 2003).

    The difference at the outline of the mask is spread over the face as a membrane. Where it is far
    from what it is elsewhere, the frame shows hair or background there, which have no part in it.
    """
    hole = mask > 0
    outline = (F.max_pool2d(mask, 3, 1, 1) > 0) & ~hole
    difference = under - face
    adapted = face + fill_membrane(difference, hole, outline & _is_usual(difference, outline))
    return torch.lerp(under, adapted, mask)


def _is_usual(difference: Tensor, outline: Tensor) -> Tensor:
    """Where a difference is near its median at an outline, ``(1, 1, H, W)``."""
    if not outline.any():
        return outline
    median = difference[:, :, outline[0, 0]].median(2).values[..., None, None]
    return (difference - median).abs().amax(1, keepdim=True) < _UNUSUAL
