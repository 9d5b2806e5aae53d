"""Blends a swapped face with what lies under it in the frame."""

from collections.abc import Callable

import torch
from torch import Tensor

from faceswap.core.registry import Registry

Blend = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps ``under (1, 3, H, W)``, ``face (1, 3, H, W)`` and ``mask (1, 1, H, W)``, ``float32`` in
[0, 1], to the blended ``(1, 3, H, W)``, which is exactly ``under`` where the mask is 0."""

blends: Registry[Blend] = Registry("blend")


@blends.register
def alpha(under: Tensor, face: Tensor, mask: Tensor) -> Tensor:
    """Weighted mean: the face by the mask, what lies under it by the rest."""
    return torch.lerp(under, face, mask)
