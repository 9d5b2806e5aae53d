"""Differences by scale: a Laplacian pyramid."""

from torch import Tensor

from faceswap.training.losses.blur import blur
from faceswap.training.losses.pixels import weighted_mean

_SIGMA = 1.0
_COARSEST = 16  # side in pixels below which an image is not divided further


def laplacian(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Sum over the levels of a Laplacian pyramid of the mean absolute difference, ``(...)``.

    Burt and Adelson, "The Laplacian Pyramid as a Compact Image Code", 1983. A difference of some
    scale counts as much as one of any other, whereas an L1 loss is mostly that of coarse ones.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
    """
    # A pyramid is linear: that of the difference is the difference of the two.
    difference = predicted - target
    total = weights.new_zeros(weights.shape[:-3])
    while min(difference.shape[-2:]) >= _COARSEST:
        smooth = blur(difference, sigma=_SIGMA)
        total = total + weighted_mean((difference - smooth).abs(), weights)
        difference, weights = smooth[..., ::2, ::2], weights[..., ::2, ::2]
    return total + weighted_mean(difference.abs(), weights)
