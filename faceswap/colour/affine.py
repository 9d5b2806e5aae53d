"""Colour transfers that are affine in CIE Lab."""

from collections.abc import Callable

import torch
from torch import Tensor

from faceswap.colour.spaces import lab_to_rgb, rgb_to_lab

MAX_GAIN = 1.3
"""Limit of the contrast gain: a face in flat light would get hard eyes from one that is half in the
dark, and the noise of a nearly flat one would be amplified."""

_NOISE = 0.5**2  # variance in CIE Lab that says nothing about a face


class AffineTransfer:
    """An affine map of CIE Lab; parameters are its matrix by rows and its offset.

    Args:
        fit: Maps covariances of faces and of targets, ``(B, 3, 3) float64`` each on the CPU, to
            matrices, ``(B, 3, 3)``.
    """

    count = 12

    def __init__(self, fit: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._fit = fit

    def measure(self, faces: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Parameters that match the means, and the covariances as ``fit`` does."""
        source_mean, source = _moments(rgb_to_lab(faces), weights)
        target_mean, target = _moments(rgb_to_lab(targets), weights)
        # On the CPU: some devices have neither double precision nor eigenvalues.
        matrix = self._fit(source.cpu().double(), target.cpu().double()).to(source)
        offset = target_mean - (matrix @ source_mean[..., None])[..., 0]
        return torch.cat([matrix.flatten(1), offset], 1)

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:
        """Faces in the measured colours."""
        matrix, offset = parameters[:, :9].unflatten(1, (3, 3)), parameters[:, 9:, None]
        values = rgb_to_lab(faces)
        moved = torch.baddbmm(offset, matrix, values.flatten(2))
        return lab_to_rgb(moved.unflatten(2, values.shape[2:]))


def keep_contrast(source: Tensor, target: Tensor) -> Tensor:  # noqa: ARG001
    """No gain."""
    return torch.eye(3).to(source).expand_as(source)


def deviation_gains(source: Tensor, target: Tensor) -> Tensor:
    """The gain of each channel that matches its standard deviation (Reinhard et al. 2001)."""
    gain = (target.diagonal(dim1=1, dim2=2) / source.diagonal(dim1=1, dim2=2)).sqrt()
    return torch.diag_embed(gain.clamp(1 / MAX_GAIN, MAX_GAIN))


def monge_kantorovitch(source: Tensor, target: Tensor) -> Tensor:
    """The matrix that matches the covariance with the least change (Pitie and Kokaram 2007)."""
    root = _of_eigenvalues(source, torch.sqrt)
    inverse = torch.linalg.inv(root)
    matrix = inverse @ _of_eigenvalues(root @ target @ root, torch.sqrt) @ inverse
    return _of_eigenvalues(matrix, lambda gains: gains.clamp(1 / MAX_GAIN, MAX_GAIN))


def _of_eigenvalues(matrices: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Symmetric positive matrices with a function applied to their eigenvalues."""
    values, vectors = torch.linalg.eigh(matrices)
    return vectors @ torch.diag_embed(function(values.clamp_min(0))) @ vectors.mT


def _moments(images: Tensor, weights: Tensor) -> tuple[Tensor, Tensor]:
    """Weighted mean ``(B, 3)`` and covariance ``(B, 3, 3)`` of the channels."""
    values, weights = images.flatten(2), weights.flatten(2)
    weights = weights / weights.sum(2, keepdim=True).clamp_min(1e-6)
    mean = (values * weights).sum(2)
    centred = values - mean[..., None]
    covariance = (centred * weights) @ centred.mT
    return mean, covariance + _NOISE * torch.eye(3).to(covariance)
