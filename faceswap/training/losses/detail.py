"""Amount of fine detail, wherever it is."""

from torch import Tensor
from torch.nn.functional import avg_pool2d

from faceswap.training.losses.pixels import weighted_mean

_FINE, _AROUND = 5, 7  # sides in pixels of what detail is finer than, and of where it is averaged
_DETAIL_STRIDE = 2


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
