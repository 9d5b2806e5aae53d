"""Differences pixel by pixel, and the weighted mean of all terms."""

from torch import Tensor

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
