"""What training minimises: absolute and structural differences, weighted by where they are.

Images are ``(..., C, H, W) float32``; a weight map is ``(..., 1, H, W)`` and every loss is the
weighted mean over channels and places, one value per image, so that the mean over a batch does not
depend on how the batch is divided over processes.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import pad

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction

_C1, _C2 = 0.01**2, 0.03**2


@dataclass(frozen=True)
class LossWeights:
    """How much each part counts.

    Attributes:
        l1: Mean absolute difference of colour.
        dssim: Structural dissimilarity.
        mask: Mean absolute difference of the predicted mask, where the model predicts one.
        inside: Weight of a pixel inside the face's mask; outside it is 1.
        features: Factor on the weight of eyes and mouth.
        stride: Evaluate structure every so many pixels.
        swap: Structural dissimilarity of a swapped face to the one it is matched with.
    """

    l1: float = 1.0
    dssim: float = 1.0
    mask: float = 0.2
    inside: float = 1.0
    features: float = 1.0
    stride: int = 1
    swap: float = 0.0

    def map(self, mask: Tensor, features: Tensor) -> Tensor:
        """The weight of each pixel, ``(..., 1, H, W)``.

        Args:
            mask: ``(..., 1, H, W)`` in [0, 1], 1 inside the face.
            features: The same for eyes and mouth.
        """
        return (1 + (self.inside - 1) * mask) * (1 + (self.features - 1) * features)


def reconstruction_losses(drawn: Reconstruction, batch: Batch, weights: LossWeights) -> Tensor:
    """The loss of each identity, ``(I,)``: mean over its faces of the weighted parts.

    Args:
        drawn: What the model drew, ``(I, B, ...)``.
        batch: What it should have drawn.
        weights: Of the parts.
    """
    where = weights.map(batch.mask, batch.features)
    losses = torch.zeros(batch.target.shape[:2], device=batch.target.device)
    if weights.l1:
        losses = losses + weights.l1 * l1(drawn.face, batch.target, where)
    if weights.dssim:
        unlike = dssim(drawn.face, batch.target, where, weights.stride)
        losses = losses + weights.dssim * unlike
    if weights.mask and drawn.mask is not None:
        losses = losses + weights.mask * l1(drawn.mask, batch.mask)
    if weights.swap and drawn.swapped is not None:
        count = drawn.swapped.shape[1]
        # Structure alone: light and colour of the two were changed each by itself.
        unlike = dssim(drawn.swapped, batch.target[:, :count], where[:, :count], weights.stride)
        # A mean over all slots, matched or not, however the batch is divided.
        losses = losses + weights.swap * pad(unlike, (0, losses.shape[1] - count))
    return losses.mean(1)


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean over channels and places, ``(..., C, H, W) -> (...)``."""
    if weights is None:
        return values.mean(dim=(-3, -2, -1))
    return (values.mean(-3, keepdim=True) * weights).sum((-3, -2, -1)) / weights.sum((-3, -2, -1))


def l1(predicted: Tensor, target: Tensor, weights: Tensor | None = None) -> Tensor:
    """Mean absolute difference of each image, ``(...)``."""
    return weighted_mean((predicted - target).abs(), weights)


def dssim(
    predicted: Tensor, target: Tensor, weights: Tensor | None = None, stride: int = 1
) -> Tensor:
    """Structural dissimilarity of each image, ``(1 - SSIM) / 2``; 0 for equal images.

    Args:
        predicted: ``(..., C, H, W)`` in [0, 1].
        target: The same.
        weights: ``(..., 1, H, W)``.
        stride: Evaluate every so many pixels; windows overlap, so that 2 loses next to nothing.
    """
    if weights is not None:
        weights = weights[..., ::stride, ::stride]
    return weighted_mean((1 - ssim_map(predicted, target, stride)) / 2, weights)


def ssim_map(first: Tensor, second: Tensor, stride: int = 1) -> Tensor:
    """Structural similarity at each place (Wang et al., 2004), Gaussian window, sigma 1.5.

    Args:
        first: ``(..., C, H, W)`` in [0, 1].
        second: The same.
        stride: Evaluate every so many pixels.

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
