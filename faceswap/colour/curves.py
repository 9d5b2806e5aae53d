"""Histogram matching: a monotone curve for each channel."""

import torch
from torch import Tensor

from faceswap.colour.affine import MAX_GAIN
from faceswap.colour.quantiles import weighted_quantiles

_NODES = 33  # of a curve, from 0 to 1
_QUANTILES = 64
# Weights of slope and curvature against the quantiles: gaps between these are bridged.
_SLOPE, _CURVATURE = 0.002, 0.05


class CurveTransfer:
    """A piecewise linear curve for each channel of RGB; parameters are its changes at the nodes.

    Curves are smooth and their slope is limited, so they make neither bands nor noise.
    """

    count = 3 * _NODES

    def measure(self, faces: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Parameters that match the quantiles of each channel."""
        levels = (torch.arange(_QUANTILES, device=faces.device) + 0.5) / _QUANTILES
        source, target = (
            weighted_quantiles(each.flatten(2), weights.flatten(2), levels).cpu().double()
            for each in (faces, targets)
        )
        return _fit(source, target - source).flatten(1).to(faces)

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:
        """Faces in the measured colours."""
        curves = parameters.unflatten(1, (3, _NODES))
        values = faces.flatten(2)
        place = values.clamp(0, 1) * (_NODES - 1)
        low = place.long().clamp_max(_NODES - 2)
        change = torch.lerp(curves.gather(2, low), curves.gather(2, low + 1), place - low)
        return (values + change).view_as(faces)


def _fit(values: Tensor, changes: Tensor) -> Tensor:
    """Curves ``(B, 3, K)`` through changes ``(B, 3, Q)`` of the values."""
    basis = node_weights(values, _NODES)
    nodes = torch.eye(_NODES).to(basis)
    slope, curvature = nodes.diff(dim=0), nodes.diff(n=2, dim=0)
    stiffness = _SLOPE * slope.mT @ slope + _CURVATURE * curvature.mT @ curvature
    normal = basis.mT @ basis / _QUANTILES + stiffness
    curves = torch.linalg.solve(normal, basis.mT @ changes[..., None] / _QUANTILES)[..., 0]
    step = 1 / (_NODES - 1)
    rises = curves.diff(dim=2).clamp((1 / MAX_GAIN - 1) * step, (MAX_GAIN - 1) * step)
    curves = torch.cat([torch.zeros_like(curves[..., :1]), rises.cumsum(2)], 2)
    # Wherever a slope was limited, the mean stays matched.
    missing = changes - (basis @ curves[..., None])[..., 0]
    return curves + missing.mean(2, keepdim=True)


def node_weights(values: Tensor, count: int) -> Tensor:
    """Weights with which equally spaced nodes from 0 to 1 interpolate values, ``(..., count)``."""
    nodes = torch.arange(count, device=values.device)
    away = values.clamp(0, 1)[..., None] * (count - 1) - nodes
    return (1 - away.abs()).clamp_min(0)
