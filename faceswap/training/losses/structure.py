"""Structural similarity of images, at one scale (SSIM) and at several (MS-SSIM)."""

import torch
from torch import Tensor

from faceswap.training.losses.blur import blur, halved
from faceswap.training.losses.pixels import weighted_mean

_C1, _C2 = 0.01**2, 0.03**2
_SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # from fine to coarse
_WINDOW = 11
_LEAST = 1e-4  # of the similarity of a scale: the slope of its power is infinite at 0


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
    luminance, structure = _similarities(first, second, stride)
    return luminance * structure


def ms_ssim(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Multi-scale structural dissimilarity of each image, ``1 - MS-SSIM``; 0 for equal images.

    Wang et al., "Multiscale structural similarity for image quality assessment", 2003. Scales that
    are smaller than the window are left out, and the exponents of the others add up to 1.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
    """
    scales = ms_ssim_scales(min(predicted.shape[-2:]))
    similarity = torch.ones_like(weights[..., 0, 0, 0])
    for number, exponent in enumerate(scales):
        luminance, structure = _similarities(predicted, target, 1)
        coarsest = number == len(scales) - 1
        seen = weighted_mean(luminance * structure if coarsest else structure, weights)
        similarity = similarity * seen.clamp_min(_LEAST) ** exponent
        if not coarsest:
            predicted, target, weights = map(halved, (predicted, target, weights))
    return 1 - similarity


def ms_ssim_scales(side: int) -> list[float]:
    """Exponents of the scales of MS-SSIM for images of a side in pixels, from fine to coarse."""
    fitting = [w for number, w in enumerate(_SCALE_WEIGHTS) if side >> number >= _WINDOW]
    fitting = fitting or [1.0]
    return [weight / sum(fitting) for weight in fitting]


def _similarities(first: Tensor, second: Tensor, stride: int) -> tuple[Tensor, Tensor]:
    """Luminance, and contrast with structure, at each place."""
    mean_1, mean_2 = blur(first, stride), blur(second, stride)
    power = blur(first.square() + second.square(), stride)
    product = blur(first * second, stride)
    mean_power, mean_product = mean_1.square() + mean_2.square(), mean_1 * mean_2
    luminance = (2 * mean_product + _C1) / (mean_power + _C1)
    structure = (2 * (product - mean_product) + _C2) / (power - mean_power + _C2)
    return luminance, structure
