"""Affine change and random warp of faces, in one resampling.

The autoencoder learns to reconstruct the undistorted face from a distorted one, as in the first
face swap: it cannot copy pixels, and treats another person's face as one more distortion.

Convention: coordinates are normalised, (-1, -1) and (1, 1) are the outer corners of the training
square (``align_corners=False``), x before y.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

GRID = 5
"""Control points of the random warp along each side."""


@dataclass(frozen=True)
class WarpRanges:
    """Ranges of the random affine change and warp.

    Attributes:
        rotation: Largest rotation in degrees, in either direction.
        zoom: Largest relative change of size; 0.05 is 5 %.
        shift: Largest shift along each axis, as a fraction of the side.
        flip: Fraction of faces that are mirrored, 0 to 1.
        jitter: Standard deviation of the warp's control points, as a fraction of the side.
    """

    rotation: float = 10.0
    zoom: float = 0.05
    shift: float = 0.05
    flip: float = 0.5
    jitter: float = 0.03

    @property
    def reach(self) -> float:
        """Side of the region that a warp may sample, over the side of the training square."""
        angle = np.deg2rad(min(self.rotation, 45.0))
        turned = (1 + self.zoom) * (np.cos(angle) + np.sin(angle))
        return float(turned + 2 * self.shift + 4 * self.jitter)


@dataclass(frozen=True)
class Warp:
    """Affine change and warp of one face.

    Attributes:
        affine: Affine matrix, ``(2, 3) float32``, from the training square to the crop.
        jitter: Displacement of the input's control points, ``(2, GRID, GRID) float32``; the target
            is not displaced.
    """

    affine: NDArray[np.float32]
    jitter: NDArray[np.float32]


def sample_warp(random: np.random.Generator, ranges: WarpRanges) -> Warp:
    """Samples a warp; consumes the same random numbers whatever the ranges."""
    turn, zoom, right, down = random.uniform(-1, 1, 4)
    mirror = -1.0 if random.random() < ranges.flip else 1.0
    jitter = random.standard_normal((2, GRID, GRID)) * 2 * ranges.jitter
    angle, scale = np.deg2rad(turn * ranges.rotation), 1 + zoom * ranges.zoom
    c, s = scale * np.cos(angle), scale * np.sin(angle)
    affine = np.array(
        [[c * mirror, -s, 2 * right * ranges.shift], [s * mirror, c, 2 * down * ranges.shift]]
    )
    return Warp(affine.astype(np.float32), jitter.astype(np.float32))


def apply_warps(
    crops: Tensor,
    affine: Tensor,
    jitter: Tensor,
    sizes: tuple[int, int],
    margin: float,
    reshaping: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Samples the distorted and the undistorted face from crops with a margin.

    Args:
        crops: Crops, ``(B, C, S, S) float32``.
        affine: ``Warp.affine`` of each crop, ``(B, 2, 3) float32``.
        jitter: ``Warp.jitter`` of each crop, ``(B, 2, GRID, GRID) float32``.
        sizes: Sides of the distorted and the undistorted face in pixels.
        margin: Side of the crops over the side of the training square, at least 1.
        reshaping: Further displacements of the distorted faces, ``(B, 2, N, N) float32``.

    Returns:
        Distorted ``(B, C, s0, s0)`` and undistorted ``(B, C, s1, s1)`` faces. Beyond their edges,
        crops are continued by reflection.
    """
    distorted = _places(sizes[0], crops.device) + _displacement(jitter, sizes[0])
    if reshaping is not None:
        distorted = distorted + _displacement(reshaping, sizes[0])
    straight = _places(sizes[1], crops.device).expand(len(crops), -1, -1, -1)
    # (B, 2, s0 * s0 + s1 * s1): both squares in one resampling.
    places = torch.cat([distorted.flatten(2), straight.flatten(2)], 2)
    moved = (affine[:, :, :2] @ places + affine[:, :, 2:]) / margin
    sampled = F.grid_sample(
        crops,
        moved.transpose(1, 2).unsqueeze(1),
        mode="bilinear",
        padding_mode="reflection",
        align_corners=False,
    ).squeeze(2)
    first, second = sampled.split([size * size for size in sizes], 2)
    return first.unflatten(2, (sizes[0],) * 2), second.unflatten(2, (sizes[1],) * 2)


def undo_affine(points: Tensor, affine: Tensor) -> Tensor:
    """Where points of the training square lie in the undistorted face of ``apply_warps``.

    Args:
        points: Points, ``(B, P, 2)`` in normalised coordinates of the training square.
        affine: ``Warp.affine`` of each face, ``(B, 2, 3) float32``.

    Returns:
        ``(B, P, 2)`` in normalised coordinates of the face.
    """
    x, y = (points - affine[:, None, :, 2]).unbind(2)
    (a, b), (c, d) = (row.unbind(1) for row in affine[:, :, :2, None].unbind(1))
    # In closed form, as a solver would wait for the GPU.
    return torch.stack([d * x - b * y, a * y - c * x], 2) / (a * d - b * c)[:, :, None]


def _places(size: int, device: torch.device) -> Tensor:
    """Centres of the pixels of a square, ``(1, 2, size, size)``, x before y."""
    steps = (torch.arange(size, device=device) * 2 + 1) / size - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y])[None]


def _displacement(nodes: Tensor, size: int) -> Tensor:
    """Control points ``(B, 2, N, N)`` -> smooth displacement ``(B, 2, size, size)``."""
    weights = spread(size, nodes.shape[-1], nodes.device)
    return weights @ nodes @ weights.T


@lru_cache(maxsize=16)
@torch.inference_mode(mode=False)  # it is kept, and training cannot use inference tensors
def spread(size: int, nodes: int, device: torch.device) -> Tensor:
    """Bicubic interpolation of equally spaced control points as a matrix, ``(size, nodes)``."""
    unit = torch.eye(nodes)[:, None, :, None].expand(-1, -1, -1, nodes).contiguous()
    weights = F.interpolate(unit, (size, nodes), mode="bicubic", align_corners=True)
    return weights[:, 0, :, 0].T.contiguous().to(device)
