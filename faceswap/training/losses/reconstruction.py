"""Loss terms: L1 and structural dissimilarity, weighted by pixel.

Images are ``(..., C, H, W) float32``; weight maps are ``(..., 1, H, W)``. Every loss is a weighted
mean over channels and pixels, one value per image, so that the mean over a batch does not depend on
how the batch is split over processes.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, pad

from faceswap.data.batches import Batch
from faceswap.models.autoencoder import Reconstruction

_C1, _C2 = 0.01**2, 0.03**2
_FINE, _AROUND = 5, 7  # sides in pixels of what detail is finer than, and of where it is averaged
_DETAIL_STRIDE = 2


@dataclass(frozen=True)
class LossWeights:
    """Weights of the loss terms.

    Attributes:
        l1: Weight of the mean absolute difference.
        dssim: Weight of the structural dissimilarity.
        mask: Weight of the mean absolute difference of the predicted mask, if there is one.
        inside: Weight of pixels inside the face mask; pixels outside have 1.
        features: Factor on the weight of eyes and mouth.
        stride: Stride of the SSIM window in pixels.
        swap: Weight of the structural dissimilarity between a swapped face and its matched target.
        detail: Weight of the mean absolute difference of the local energy of fine detail.
    """

    l1: float = 1.0
    dssim: float = 1.0
    mask: float = 0.2
    inside: float = 1.0
    features: float = 1.0
    stride: int = 1
    swap: float = 0.0
    detail: float = 0.0

    def map(self, mask: Tensor, features: Tensor) -> Tensor:
        """Weight of each pixel, ``(..., 1, H, W)``.

        Args:
            mask: Face mask, ``(..., 1, H, W)`` in [0, 1], 1 inside the face.
            features: Mask of eyes and mouth, ``(..., 1, H, W)`` in [0, 1].
        """
        return (1 + (self.inside - 1) * mask) * (1 + (self.features - 1) * features)


def reconstruction_losses(decoded: Reconstruction, batch: Batch, weights: LossWeights) -> Tensor:
    """Loss of each identity, ``(I,)``: mean over its faces of the weighted terms.

    Args:
        decoded: Output of the model, ``(I, B, ...)``.
        batch: Targets.
        weights: Weights of the terms.
    """
    where = weights.map(batch.mask, batch.features)
    losses = torch.zeros(batch.target.shape[:2], device=batch.target.device)
    if weights.l1:
        losses = losses + weights.l1 * l1(decoded.face, batch.target, where)
    if weights.dssim:
        dissimilarity = dssim(decoded.face, batch.target, where, weights.stride)
        losses = losses + weights.dssim * dissimilarity
    if weights.detail:
        losses = losses + weights.detail * detail_difference(decoded.face, batch.target, where)
    if decoded.penalty is not None:
        losses = losses + decoded.penalty
    if weights.mask and decoded.mask is not None:
        losses = losses + weights.mask * l1(decoded.mask, batch.mask)
    if weights.swap and decoded.swapped is not None:
        count = decoded.swapped.shape[1]
        # Structure only: light and colour of the two were augmented independently.
        dissimilarity = dssim(
            decoded.swapped, batch.target[:, :count], where[:, :count], weights.stride
        )
        # Mean over all slots, matched or not, so that it does not depend on the batch's split.
        losses = losses + weights.swap * pad(dissimilarity, (0, losses.shape[1] - count))
    return losses.mean(1)


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> Tensor:
    """Weighted mean over channels and pixels, ``(..., C, H, W) -> (...)``."""
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
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
        stride: Stride of the SSIM window in pixels; windows overlap, so 2 is nearly exact.
    """
    if weights is not None:
        weights = weights[..., ::stride, ::stride]
    return weighted_mean((1 - ssim_map(predicted, target, stride)) / 2, weights)


def detail_difference(predicted: Tensor, target: Tensor, weights: Tensor) -> Tensor:
    """Mean absolute difference of the local energy of fine detail of each image, ``(...)``.

    It asks for as much detail as there is in the target, and not for each line at its place: where
    the place is uncertain a blur minimises all other terms, but not this one.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``.
    """
    weights = weights[..., ::_DETAIL_STRIDE, ::_DETAIL_STRIDE]
    return weighted_mean((_detail(predicted) - _detail(target)).abs(), weights)


def _detail(images: Tensor) -> Tensor:
    """Local energy of fine detail, ``(..., C, ceil(H / 2), ceil(W / 2))``."""
    flat = images.reshape(-1, *images.shape[-3:])
    fine = flat - avg_pool2d(flat, _FINE, 1, _FINE // 2, count_include_pad=False)
    energy = avg_pool2d(fine.abs(), _AROUND, _DETAIL_STRIDE, _AROUND // 2, count_include_pad=False)
    return energy.reshape(*images.shape[:-2], *energy.shape[-2:])


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
