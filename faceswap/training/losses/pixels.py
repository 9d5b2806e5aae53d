"""Differences pixel by pixel, and the weighted mean of all terms."""

import math

from torch import Tensor
from torch.nn.functional import softplus

_LEAST = 1e-6  # sum of the weights of an image: a face that is masked entirely has a loss of 0


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Weighted mean over channels and pixels, ``(..., C, H, W) -> (...)``."""
    if weights is None:
        return values.mean(dim=(-3, -2, -1))
    total = weights.sum((-3, -2, -1)).clamp_min(_LEAST)
    return (values.mean(-3, keepdim=True) * weights).sum((-3, -2, -1)) / total


def l1(predicted: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean absolute difference of each image, ``(...)``."""
    return weighted_mean((predicted - target).abs(), weights)


def l2(predicted: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean squared difference of each image, ``(...)``."""
    return weighted_mean((predicted - target).square(), weights)


def log_cosh(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean logarithm of the hyperbolic cosine of the difference of each image, ``(...)``.

    About half the square of small differences, and the absolute value of large ones.
    """
    size = (predicted - target).abs()
    return weighted_mean(size + softplus(-2 * size) - math.log(2), weights)
