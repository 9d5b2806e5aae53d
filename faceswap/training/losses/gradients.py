"""Differences of the gradients of images: edges."""

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from faceswap.training.losses.blur import halved
from faceswap.training.losses.pixels import weighted_mean

_LUMA = (0.299, 0.587, 0.114)
_CONTRAST = 170 / 255**2  # the constant of Xue et al., for images in [0, 1]
_FLAT = 1e-12  # the slope of a square root is infinite at 0


def gradient(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of the differences of neighbouring pixels of each image, ``(...)``.

    The weight of a difference is the mean of those of its two pixels.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
    """
    return variation(predicted - target, weights)


def total_variation(predicted: Tensor, _target: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels of each predicted image, ``(...)``.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        weights: Weight maps, ``(..., 1, H, W)``.
    """
    return variation(predicted, weights)


def variation(images: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of neighbouring pixels in both directions, ``(...)``."""
    steps = [weighted_mean(images.diff(dim=dim).abs(), _between(weights, dim)) for dim in (-1, -2)]
    return (steps[0] + steps[1]) / 2


def _between(weights: Tensor, dim: int) -> Tensor:
    """Means of the weights of neighbouring pixels."""
    count = weights.shape[dim] - 1
    return (weights.narrow(dim, 0, count) + weights.narrow(dim, 1, count)) / 2


def gmsd(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Gradient magnitude similarity deviation of each image, ``(...)``; 0 for equal images.

    Xue et al., "Gradient Magnitude Similarity Deviation: A Highly Efficient Perceptual Image
    Quality Index", 2014: the standard deviation, here weighted, of the similarity of the gradients
    of the luminance at half size.

    Args:
        predicted: Predicted images, ``(..., 3, H, W) RGB`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
    """
    first, second = _magnitudes(predicted), _magnitudes(target)
    sizes = first.square() + second.square()
    similarity = (2 * first * second + _CONTRAST) / (sizes + _CONTRAST)
    weights = halved(weights)
    mean = weighted_mean(similarity, weights)[..., None, None, None]
    variance = weighted_mean((similarity - mean).square(), weights)
    return (variance + _FLAT).sqrt() - _FLAT**0.5


def _magnitudes(images: Tensor) -> Tensor:
    """Gradient magnitudes of the luminance at half size, ``(..., 1, H // 2, W // 2)``."""
    luma, kernels = _constants(images.device)
    small = halved((images * luma).sum(-3, keepdim=True))
    flat = pad(small.reshape(-1, *small.shape[-3:]), (1, 1, 1, 1), mode="replicate")
    slopes = conv2d(flat, kernels).square().sum(1, keepdim=True)
    return (slopes + _FLAT).sqrt().reshape(small.shape)


@lru_cache(maxsize=8)
@torch.inference_mode(mode=False)  # they are kept, and training cannot use inference tensors
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    """Weights of the colours in the luminance, and the Prewitt kernels, ``(2, 1, 3, 3)``."""
    luma = torch.tensor(_LUMA, device=device)[:, None, None]
    across = torch.tensor([1.0, 0.0, -1.0], device=device).expand(3, 3) / 3
    return luma, torch.stack([across, across.T])[:, None]
