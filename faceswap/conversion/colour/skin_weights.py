"""Weights of the pixels that show skin."""

import torch
from torch import Tensor

from faceswap.colour.quantiles import weighted_quantiles
from faceswap.colour.spaces import rgb_to_lab

_FAR = 20.0  # CIE Lab: at this distance from the median colour of a face, a pixel counts a quarter
_LIGHTNESS = 0.3  # weight of lightness in the distance: skin in shadow is skin
_STEP = 4  # every n-th row and column is enough for a median


def skin_weights(faces: Tensor, targets: Tensor, known: Tensor) -> Tensor:
    """Weights of the places where two faces both have about the median colour of their own.

    Beards, glasses, hair, lips and eyes of either face hardly count.

    Args:
        faces: Faces, ``(B, 3, H, W) float32 RGB`` in [0, 1].
        targets: Other faces of the same shape, in the same pose.
        known: Weights of the pixels that are known, ``(B, 1, H, W)`` in [0, 1].

    Returns:
        ``(B, 1, H, W)``, at most ``known``.
    """
    return known * _likeness(faces, known) * _likeness(targets, known)


def _likeness(images: Tensor, known: Tensor) -> Tensor:
    """Likeness of each pixel to the median colour, ``(B, 1, H, W)`` in (0, 1]."""
    values = rgb_to_lab(images)
    some, weights = (each[..., ::_STEP, ::_STEP].flatten(2) for each in (values, known))
    median = weighted_quantiles(some, weights, torch.full((1,), 0.5).to(values))
    away = (values - median[..., None]) / _FAR
    away[:, 0] *= _LIGHTNESS
    return 1 / (1 + away.square().sum(1, keepdim=True)).square()
