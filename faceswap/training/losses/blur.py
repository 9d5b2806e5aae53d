"""Blurred and smaller versions of images as small as those of training."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d

_REACH = 10 / 3  # radius of the window in standard deviations


def blur(images: Tensor, stride: int = 1, sigma: float = 1.5) -> Tensor:
    """Gaussian blur with mirrored borders.

    Args:
        images: Images, ``(..., H, W)``.
        stride: Distance of the places in pixels; the others are left out.
        sigma: Standard deviation in pixels.

    Returns:
        ``(..., ceil(H / stride), ceil(W / stride))``.
    """
    # As two matrix products: with a separable 11-tap window on images this small they are faster
    # than a depthwise convolution, forward and backward, on CPUs and GPUs alike.
    height, width = images.shape[-2:]
    down = _matrix(height, stride, images.device, sigma)
    across = _matrix(width, stride, images.device, sigma)
    return down @ (images @ across.T)


def halved(images: Tensor) -> Tensor:
    """Means of 2 x 2 pixels, ``(..., C, H, W) -> (..., C, H // 2, W // 2)``."""
    smaller = avg_pool2d(images.reshape(-1, *images.shape[-3:]), 2)
    return smaller.reshape(*images.shape[:-2], *smaller.shape[-2:])


@lru_cache(maxsize=64)
@torch.inference_mode(mode=False)  # it is kept, and training cannot use inference tensors
def _matrix(size: int, stride: int, device: torch.device, sigma: float) -> Tensor:
    radius = round(_REACH * sigma)
    offsets = torch.arange(-radius, radius + 1)
    window = torch.exp(-offsets.double().square() / (2 * sigma**2))
    places = (torch.arange(0, size, stride)[:, None] + offsets) % (2 * size)
    mirrored = torch.minimum(places, 2 * size - 1 - places)
    matrix = torch.zeros(len(places), size, dtype=torch.float64)
    matrix.scatter_add_(1, mirrored, (window / window.sum()).expand(len(places), -1))
    return matrix.float().to(device)
