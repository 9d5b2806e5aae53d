"""The terms that compare decoded faces with their targets."""

from collections.abc import Iterator
from functools import partial
from typing import Protocol

from torch import Tensor

from faceswap.training.losses.detail import detail_difference
from faceswap.training.losses.frequency import focal_frequency
from faceswap.training.losses.gradients import gmsd, gradient, total_variation
from faceswap.training.losses.pixels import l1, l2, log_cosh
from faceswap.training.losses.pyramid import laplacian
from faceswap.training.losses.structure import dssim, ms_ssim
from faceswap.training.losses.weights import LossWeights


class Term(Protocol):
    """A term: 0 for equal images, larger for images that differ more."""

    def __call__(self, predicted: Tensor, target: Tensor, weights: Tensor, /) -> Tensor:
        """Value of each image, ``(...)``.

        Args:
            predicted: Predicted images, ``(..., 3, H, W) float32 RGB`` in [0, 1].
            target: Target images, of the same shape.
            weights: Weight maps, ``(..., 1, H, W)``, at least 0.
        """
        ...


TERMS: dict[str, Term] = {
    "l1": l1,
    "dssim": dssim,
    "detail": detail_difference,
    "l2": l2,
    "log_cosh": log_cosh,
    "ms_ssim": ms_ssim,
    "gmsd": gmsd,
    "gradient": gradient,
    "laplacian": laplacian,
    "focal_frequency": focal_frequency,
    "total_variation": total_variation,
}
"""All terms, by the name of their weight in ``LossWeights``."""


def chosen_terms(weights: LossWeights) -> Iterator[tuple[str, float, Term]]:
    """Name, weight and function of each term whose weight is not 0."""
    for name, term in TERMS.items():
        if weight := getattr(weights, name):
            strided = partial(dssim, stride=weights.stride)
            yield name, weight, strided if name == "dssim" else term
