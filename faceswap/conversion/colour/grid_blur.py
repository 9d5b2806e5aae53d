"""Blur of the small grids on which faces and frames are compared."""

from functools import lru_cache

import torch
from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur


def grid_blur(images: Tensor, sigma: float) -> Tensor:
    """Blurs images with a Gaussian; pixels beyond the edge mirror those inside.

    Args:
        images: Images, ``(B, C, H, W) float32``, with sides of more than three standard deviations.
        sigma: Standard deviation in pixels.
    """
    down, across = (_blur_matrix(length, sigma).to(images) for length in images.shape[-2:])
    return down @ images @ across.mT


@lru_cache(maxsize=64)
def _blur_matrix(length: int, sigma: float) -> Tensor:
    """What the pixels of a blurred line have of its pixels, ``(length, length)``."""
    # Two products with it take a tenth of the time of a blur with such a large kernel.
    side = 2 * round(3 * sigma) + 1
    return gaussian_blur(torch.eye(length)[None], [1, side], [sigma, sigma])[0]
