"""Sliced optimal transport: the whole distribution of colours, by its projections."""

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.colour.affine import MAX_GAIN
from faceswap.colour.curves import node_weights
from faceswap.colour.quantiles import interpolate, weighted_quantiles
from faceswap.colour.spaces import lab_to_rgb, rgb_to_lab
from faceswap.core.area import area_mean

# A table over CIE Lab: L from 0 to 100, a and b from -60 to 60.
_NODES = (7, 4, 4)
_LOWEST = torch.tensor([0.0, -60.0, -60.0])[:, None]
_RANGE = torch.tensor([100.0, 120.0, 120.0])[:, None]
_STIFFNESS = 3e-3  # weight of differences between neighbouring nodes against those of a pixel
_BASES, _QUANTILES = 4, 32
_STEP = 3  # every n-th row and column of the measured faces


class TransportTable:
    """A smooth table of colour changes; parameters are its entries, the changes of L, a and b.

    Colours are transported along the axes of a few fixed bases in turn (Pitie et al. 2007, Bonneel
    et al. 2015). What happens to the pixels is then fitted by a table of limited slope, which
    treats equal colours alike and makes neither bands nor noise.
    """

    count = 3 * _NODES[0] * _NODES[1] * _NODES[2]

    def __init__(self) -> None:
        random = torch.randn(_BASES - 1, 3, 3, generator=torch.Generator().manual_seed(0))
        self._bases = torch.cat([torch.eye(3)[None], torch.linalg.qr(random).Q])
        self._stiffness = _STIFFNESS * _laplacian()

    def measure(self, faces: Tensor, targets: Tensor, weights: Tensor) -> Tensor:
        """Parameters that match the distribution of colours."""
        every = (..., slice(None, None, _STEP), slice(None, None, _STEP))
        source, target = (rgb_to_lab(each[every]).flatten(2) for each in (faces, targets))
        weights = weights[every].flatten(2)
        weights = weights / weights.sum(2, keepdim=True).clamp_min(1e-6)
        changes = self._transport(source, target, weights) - source
        return self._fit(source, changes, weights).flatten(1)

    def apply(self, faces: Tensor, parameters: Tensor) -> Tensor:
        """Faces in the measured colours."""
        table = parameters.unflatten(1, (3, *_NODES))
        # Changes vary little from one pixel to the next: half the resolution is enough for them.
        small = area_mean(faces, (faces.shape[-1] + 1) // 2)
        values = rgb_to_lab(small)
        places = _normalise(values.flatten(2)).mul(2).sub(1)
        # `grid_sample` names the last axis of the table first.
        grid = places.flip(1).mT.unflatten(1, (1, *values.shape[2:]))
        changes = F.grid_sample(table, grid, padding_mode="border", align_corners=True)
        changes = lab_to_rgb(values + changes[:, :, 0]) - small
        return faces + F.interpolate(changes, faces.shape[2:], mode="bilinear", align_corners=False)

    def _transport(self, source: Tensor, target: Tensor, weights: Tensor) -> Tensor:
        """Colours ``(B, 3, N)`` moved to the distribution of ``target``."""
        levels = (torch.arange(_QUANTILES, device=source.device) + 0.5) / _QUANTILES
        for basis in self._bases.to(source):
            projected = basis @ source
            found, wanted = (
                weighted_quantiles(each, weights, levels) for each in (projected, basis @ target)
            )
            source = source + basis.mT @ interpolate(projected, found, wanted - found)
        return source

    def _fit(self, values: Tensor, changes: Tensor, weights: Tensor) -> Tensor:
        """Tables ``(B, 3, nodes)`` of limited slope through changes ``(B, 3, N)`` of values."""
        lightness, a, b = (
            node_weights(channel, count)
            for channel, count in zip(_normalise(values).unbind(1), _NODES, strict=True)
        )
        basis = torch.einsum("bni,bnj,bnk->bnijk", lightness, a, b).flatten(2)
        weighted = basis * weights.mT
        normal = weighted.mT @ basis + self._stiffness.to(values)
        mean = (changes * weights).sum(2, keepdim=True)
        # The mean is kept out: where there are no pixels, a table tends to it.
        normal = normal + 1e-6 * torch.eye(normal.shape[-1]).to(normal)
        rest = torch.linalg.solve(normal, weighted.mT @ (changes - mean).mT).mT
        return mean + rest * _largest_factor(rest)


def _normalise(values: Tensor) -> Tensor:
    """CIE Lab ``(B, 3, N)`` in units of the table, [0, 1]."""
    return ((values - _LOWEST.to(values)) / _RANGE.to(values)).clamp(0, 1)


def _laplacian() -> Tensor:
    """Sum of squared differences between neighbouring nodes, as a matrix of all nodes."""
    nodes = torch.eye(_NODES[0] * _NODES[1] * _NODES[2]).unflatten(1, _NODES)
    edges = torch.cat([nodes.diff(dim=axis).flatten(1) for axis in (1, 2, 3)], 1)
    return edges @ edges.mT


def _largest_factor(tables: Tensor) -> Tensor:
    """Factor of at most 1 with which no slope of a table exceeds the limit, ``(B, 1, 1)``."""
    shaped = tables.unflatten(2, _NODES)
    steepest = torch.stack(
        [
            shaped.diff(dim=axis + 2).flatten(2).norm(dim=1).amax(1) * (count - 1) / extent
            for axis, (count, extent) in enumerate(zip(_NODES, _RANGE.flatten(), strict=True))
        ]
    ).amax(0)
    return ((MAX_GAIN - 1) / steepest.clamp_min(1e-6)).clamp_max(1)[:, None, None]
