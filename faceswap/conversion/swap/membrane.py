"""Membranes: the smoothest surface through known values, which fills what lies between them.

It is the solution of Laplace's equation (Perez et al., "Poisson image editing", 2003), found by
conjugate gradients with a multilevel preconditioner (Bramble, Pasciak and Xu, 1990), whose number
of steps hardly depends on the size and the outline of the hole.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_MOST = 60  # steps
_CHECKED = 4  # steps between checks of the error: each waits for the device
_SMALLEST = 4  # px: side of the coarsest level


def fill_membrane(values: Tensor, hole: Tensor, known: Tensor, tolerance: float = 5e-4) -> Tensor:
    """Fills a hole with the membrane through the known values beside it.

    The surface is free where nothing is known beside the hole, as at the border of the image.

    Args:
        values: Values, ``(B, C, H, W) float32``.
        hole: Pixels to fill, ``(B, 1, H, W) bool``; they become 0 if nothing is known.
        known: Pixels that are known, ``(B, 1, H, W) bool``; those of the hole are not.
        tolerance: Largest step between two checks at which the solution counts as found.

    Returns:
        The filled hole, and 0 elsewhere, ``(B, C, H, W)``.
    """
    inside, beside = hole.to(values), (known & ~hole).to(values)
    levels = _Levels(inside, values.shape[1])
    degree = _neighbours(inside + beside)
    filled = torch.zeros_like(values)
    residual = _neighbours(values * beside) * inside
    direction = torch.zeros_like(values)
    before = values.new_ones(values.shape[:2])[..., None, None]
    for step in range(1, _MOST + 1):
        steered = levels(residual)
        product = (residual * steered).sum((2, 3), keepdim=True)
        direction = steered + direction * (product / before)
        before = product.clamp_min(1e-30)
        bent = (degree * direction - _neighbours(direction)) * inside
        length = product / (direction * bent).sum((2, 3), keepdim=True).clamp_min(1e-30)
        filled += length * direction
        residual -= length * bent
        if step % _CHECKED == 0 and (length * direction).abs().max() < tolerance:
            break
    return filled


def _neighbours(values: Tensor) -> Tensor:
    """Sum of the four pixels beside each; those beyond the border count as 0."""
    total = torch.zeros_like(values)
    total[..., 1:, :] += values[..., :-1, :]
    total[..., :-1, :] += values[..., 1:, :]
    total[..., 1:] += values[..., :-1]
    total[..., :-1] += values[..., 1:]
    return total


class _Levels:
    """Preconditioner: the residual at all levels of resolution, symmetric and positive.

    Args:
        inside: Pixels to fill, ``(B, 1, H, W) float32``.
        channels: Number of channels of the residuals.
    """

    def __init__(self, inside: Tensor, channels: int) -> None:
        height, width = inside.shape[-2:]
        count = max(0, (min(height, width) // _SMALLEST).bit_length() - 1)
        self._padding = (0, -width % 2**count, 0, -height % 2**count)
        self._inside = [F.pad(inside, self._padding).repeat_interleave(channels, 0)]
        for _ in range(count):
            # Where the hat function of a coarse pixel lies within the hole.
            self._inside.append(-F.max_pool2d(-self._inside[-1], 4, 2, 1))
        hat = inside.new_tensor([1, 3, 3, 1]) / 4
        self._hat = (hat[:, None] * hat)[None, None]

    def __call__(self, residual: Tensor) -> Tensor:
        """The preconditioned residual, ``(B, C, H, W)``."""
        levels = [F.pad(residual, self._padding).view(-1, 1, *self._inside[0].shape[-2:])]
        for inside in self._inside[1:]:
            levels.append(F.conv2d(levels[-1], self._hat, stride=2, padding=1) * inside)
        total = levels.pop()
        # The transpose of the above, mask by mask.
        for inside, level in zip(self._inside[-2::-1], levels[::-1], strict=True):
            total = F.conv_transpose2d(total, self._hat, stride=2, padding=1) * inside + level
        height, width = residual.shape[-2:]
        return total.view(*residual.shape[:2], *total.shape[-2:])[..., :height, :width]
