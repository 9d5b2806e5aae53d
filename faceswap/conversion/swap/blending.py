"""Blends a swapped face with what lies under it in the frame, by name."""

import math
from collections.abc import Callable
from functools import reduce

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.swap.membrane import fill_membrane
from faceswap.core.registry import Registry

Blend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps ``under (1, 3, H, W)``, ``face (1, 3, H, W)`` and ``mask (1, 1, H, W)``, ``float32`` in
[0, 1], to the blended ``(1, 3, H, W)``, which is exactly ``under`` where the mask is 0."""

blends: Registry[Blend] = Registry("blend")

_UNUSUAL = 0.2  # difference of colours that is no difference of light
# Pixels of the coarsest level of a pyramid. Of a smaller one, a face would take its light from the
# frame as a whole: brows and lips of the frame would show through.
_COARSEST = 75


@blends.register
def alpha(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Weighted mean: the face by the mask, what lies under it by the rest."""
    return torch.lerp(under, face, mask)


@blends.register
def pyramid(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Blends each level of a Laplacian pyramid by a mask of its own (Burt and Adelson, 1983).

    Details keep the edge of the mask, while colours and light pass over within a wider band. The
    mask of a level ends farther inside, so that what is outside stays as it is. The number of
    levels grows with the size of the face, and a fraction of a level is mixed in, so that nothing
    jumps when a face comes nearer.
    """
    difference = face - under
    depth = math.log2(max(1.0, min(mask.shape[-2:]) / _COARSEST))
    change = _in_levels(difference, mask, depth)
    # Levels that end at different places would leave a halo at a hard edge.
    most = _dilated((difference * mask).abs(), 1)
    return under + change.clamp(-most, most) * (mask > 0)


def _in_levels(difference: Tensor, mask: Tensor, depth: float) -> Tensor:
    """A difference times a mask, in so many levels."""
    if depth <= 0:
        return difference * mask
    smaller = _half(difference)
    # Two pixels inside: as far as a pixel reaches when it is enlarged.
    inner = -_dilated(-_half(mask), 2)
    coarse = _doubled(_in_levels(smaller, inner, depth - 1), difference)
    split = (difference - _doubled(smaller, difference)) * mask + coarse
    return split if depth >= 1 else torch.lerp(difference * mask, split, depth)


def _half(images: Tensor) -> Tensor:
    """Images of half the sides, by the weights 1, 3, 3 and 1 along both axes."""
    height, width = images.shape[-2:]
    images = F.pad(images, (1, 1 + width % 2, 1, 1 + height % 2), mode="replicate")
    # On a CPU, these sums take a third of the time of `interpolate` with `antialias`.
    inner = images[..., 1:-2:2, :] + images[..., 2:-1:2, :]
    rows = images[..., :-3:2, :] + images[..., 3::2, :] + 3 * inner
    inner = rows[..., 1:-2:2] + rows[..., 2:-1:2]
    return (rows[..., :-3:2] + rows[..., 3::2] + 3 * inner) / 64


def _doubled(images: Tensor, like: Tensor) -> Tensor:
    """Images of twice the sides, without what ``_half`` added to those of ``like``.

    As bilinear ``interpolate``, which takes five times as long on a CPU.
    """
    for axis, around in ((3, (1, 1, 0, 0)), (2, (0, 0, 1, 1))):
        padded = F.pad(images, around, mode="replicate")
        before, near, after = (padded.narrow(axis, n, images.shape[axis]) for n in range(3))
        images = near.new_empty([n * (1 + (k == axis)) for k, n in enumerate(near.shape)])
        pairs = images.unflatten(axis, (-1, 2))
        torch.lerp(near, before, 0.25, out=pairs.select(axis + 1, 0))
        torch.lerp(near, after, 0.25, out=pairs.select(axis + 1, 1))
    return images[..., : like.shape[-2], : like.shape[-1]]


def _dilated(images: Tensor, radius: int) -> Tensor:
    """The largest value within a square around each pixel, ``2 * radius + 1`` pixels wide."""
    # On a CPU, these maxima take a thirtieth of the time of `max_pool2d`.
    images = F.pad(images, (radius,) * 4, mode="replicate")
    for axis in (2, 3):
        length = images.shape[axis] - 2 * radius
        images = reduce(
            torch.maximum, (images.narrow(axis, n, length) for n in range(2 * radius + 1))
        )
    return images


@blends.register
def poisson(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Takes the gradients of the face and the colours of the frame (Perez et al., 2003).

    The difference at the outline of the mask is spread over the face as a membrane. Where it is far
    from what it is elsewhere, the frame shows hair or background there, which have no part in it.
    """
    hole = mask > 0
    outline = (_dilated(mask, 1) > 0) & ~hole
    difference = under - face
    adapted = face + fill_membrane(difference, hole, outline & _is_usual(difference, outline))
    return torch.lerp(under, adapted, mask)


def _is_usual(difference: Tensor, outline: Tensor) -> Tensor:
    """Where a difference is near its median at an outline, ``(1, 1, H, W)``."""
    if not outline.any():
        return outline
    median = difference[:, :, outline[0, 0]].median(2).values[..., None, None]
    return (difference - median).abs().amax(1, keepdim=True) < _UNUSUAL
