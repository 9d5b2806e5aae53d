"""Structural similarity (SSIM) of images."""

from functools import lru_cache

import torch
from torch import Tensor

from faceswap.training.losses.pixels import weighted_mean

_C1, _C2 = 0.01**2, 0.03**2


def dssim(
    predicted: Tensor, target: Tensor, weights: Tensor | None = None, stride: int = 1
) -> Tensor:
    """Structural dissimilarity of each image, ``(1 - SSIM) / 2``; 0 for equal images.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
        stride: Stride of the SSIM window in pixels; windows overlap, so 2 is nearly exact.
    """
    if weights is not None:
        weights = weights[..., ::stride, ::stride]
    return weighted_mean((1 - ssim_map(predicted, target, stride)) / 2, weights)


def ssim_map(first: Tensor, second: Tensor, stride: int = 1) -> Tensor:
    """Structural similarity at each place (Wang et al., 2004), Gaussian window, sigma 1.5.

    Args:
        first: First image, ``(..., C, H, W)`` in [0, 1].
        second: Second image, of the same shape.
        stride: Stride of the window in pixels.

    Returns:
        ``(..., C, ceil(H / stride), ceil(W / stride))``. Borders are mirrored.
    """
    mean_1, mean_2 = _blur(first, stride), _blur(second, stride)
    power = _blur(first.square() + second.square(), stride)
    product = _blur(first * second, stride)
    mean_power, mean_product = mean_1.square() + mean_2.square(), mean_1 * mean_2
    luminance = (2 * mean_product + _C1) / (mean_power + _C1)
    structure = (2 * (product - mean_product) + _C2) / (power - mean_power + _C2)
    return luminance * structure


def _blur(images: Tensor, stride: int) -> Tensor:
    # As two matrix products: with a separable 11-tap window on images this small they are faster
    # than a depthwise convolution, forward and backward, on CPUs and GPUs alike.
    height, width = images.shape[-2:]
    down = _blur_matrix(height, stride, images.device)
    across = _blur_matrix(width, stride, images.device)
    return down @ (images @ across.T)


@lru_cache(maxsize=32)
@torch.inference_mode(mode=False)  # it is kept, and training cannot use inference tensors
def _blur_matrix(
    size: int, stride: int, device: torch.device, sigma: float = 1.5, radius: int = 5
) -> Tensor:
    offsets = torch.arange(-radius, radius + 1)
    window = torch.exp(-offsets.double().square() / (2 * sigma**2))
    places = torch.arange(0, size, stride)[:, None] + offsets
    mirrored = torch.where(places < 0, -1 - places, places)
    mirrored = torch.where(mirrored >= size, 2 * size - 1 - mirrored, mirrored)
    matrix = torch.zeros(len(places), size, dtype=torch.float64)
    matrix.scatter_add_(1, mirrored, (window / window.sum()).expand(len(places), -1))
    return matrix.float().to(device)
