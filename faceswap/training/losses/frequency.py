"""Differences of the spectra of images."""

import torch
from torch import Tensor

_LEAST = 1e-12


def focal_frequency(
    predicted: Tensor, target: Tensor, weights: Tensor, alpha: float = 1.0
) -> Tensor:
    """Focal frequency loss of each image, ``(...)``.

    Jiang et al., "Focal Frequency Loss for Image Reconstruction and Synthesis", 2021: the mean
    squared difference of the Fourier coefficients, each weighted by its own size, so that the
    frequencies with the largest errors count most. With ``alpha`` 0 it is the weighted L2 loss.

    Args:
        predicted: Predicted images, ``(..., C, H, W)`` in [0, 1].
        target: Target images, of the same shape.
        weights: Weight maps, ``(..., 1, H, W)``, applied to the difference of the images.
        alpha: Exponent of the focus on large errors.
    """
    mean = weights.mean((-2, -1), keepdim=True).clamp_min(_LEAST)
    difference = (predicted - target) * (weights / mean).sqrt()
    # Of real images half of the spectrum suffices: the other half is its mirror image.
    spectrum = torch.fft.rfft2(difference, norm="ortho")
    power = spectrum.real.square() + spectrum.imag.square()
    with torch.no_grad():
        focus = power ** (alpha / 2)
        focus = focus / focus.amax((-2, -1), keepdim=True).clamp_min(_LEAST)
    width = difference.shape[-1]
    copies = torch.full((power.shape[-1],), 2.0, device=power.device)
    copies[0] = 1
    if width % 2 == 0:
        copies[-1] = 1
    columns = (power * focus * copies).sum(-1)
    return columns.mean((-2, -1)) / width
