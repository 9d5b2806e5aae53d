"""Dense warps between face meshes, on the device.

Coordinates are normalised: (-1, -1) and (1, 1) are the outer corners of an image
(``align_corners=False``), x before y.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_REACH = 0.035  # distance at which the weight of a mesh point has fallen to an eighth
_CHUNK = 4  # meshes whose weights fit into the cache of a CPU
_STIFFNESS = 1e-4  # pull towards pure translation where the points near a place lie on a line
_SPREAD = 0.025  # reach of a detail
_FADE = 0.1  # weight of no change, where that of a detail at its place is 1


def mesh_warp(shown: Tensor, seen: Tensor, side: int) -> Tensor:
    """Where each place of an image that shows one mesh lies in images that show others.

    Moving least squares with affine maps (Schaefer et al., "Image deformation using moving least
    squares", 2006): near the mesh points it follows them, far away it is the affine map that fits
    all of them. It is smooth, and has no triangles that could fold.

    Args:
        shown: Mesh that the image is to show, ``(B, P, 2) float32``.
        seen: Meshes of K images, ``(B, K, P, 2) float32``.
        side: Side of the result.

    Returns:
        Coordinates in each of the K images, ``(B, K, 2, side, side) float32``.
    """
    batch, images = seen.shape[:2]
    x, y = shown.unbind(2)
    target = seen.permute(0, 2, 1, 3).flatten(2)  # (B, P, 2K)
    ones = torch.ones_like(x)
    moments = torch.stack([ones, x, y, x * x, x * y, y * y], 2)
    columns = torch.cat([moments, target, target * x[..., None], target * y[..., None]], 2)
    places = pixel_centres(side, shown.device).flatten(1).T  # (G, 2)
    sums = _weighted_sums(shown, columns, places)  # (B, G, 6 + 6K)
    sums = sums[..., 1:] / sums[..., :1]
    here = sums[..., :2]
    mean, with_x, with_y = sums[..., 5:].split(2 * images, 2)
    xx = sums[..., 2] - here[..., 0].square() + _STIFFNESS
    xy = sums[..., 3] - here[..., 0] * here[..., 1]
    yy = sums[..., 4] - here[..., 1].square() + _STIFFNESS
    # Covariance of the target with x and y; the stiffness stands for an identity map.
    cx = with_x - mean * here[..., :1]
    cy = with_y - mean * here[..., 1:]
    unit = torch.eye(2, device=shown.device).repeat(1, images) * _STIFFNESS
    cx, cy = cx + unit[0], cy + unit[1]
    determinant = (xx * yy - xy.square())[..., None]
    slope_x = (cx * yy[..., None] - cy * xy[..., None]) / determinant
    slope_y = (cy * xx[..., None] - cx * xy[..., None]) / determinant
    away = places - here
    moved = mean + slope_x * away[..., :1] + slope_y * away[..., 1:]  # (B, G, 2K)
    return moved.view(batch, side, side, images, 2).permute(0, 3, 4, 1, 2)


def refine_warp(places: Tensor, shown: Tensor, seen: Tensor) -> Tensor:
    """Makes a dense warp exact at points that are closer to each other than its grid is fine.

    The error of the warp at each point is spread to the places around it. Lids close this way: an
    open eye is hardly higher than a cell of the grid.

    Args:
        places: Warp, ``(B, K, 2, side, side)``.
        shown: Points of the image that the warp makes, ``(B, P, 2) float32``.
        seen: Places of these points in the K images, ``(B, K, P, 2) float32``.

    Returns:
        ``(B, K, 2, side, side)``.
    """
    batch, images, _, side, _ = places.shape
    moved = places - pixel_centres(side, places.device)
    reached = F.grid_sample(
        moved.flatten(1, 2), shown[:, None], padding_mode="border", align_corners=False
    )
    wanted = (seen - shown[:, None]).transpose(2, 3).flatten(1, 2)  # (B, 2K, P)
    missing = wanted - reached[:, :, 0]
    steps = pixel_centres(side, places.device)[0, 0]
    near = ((steps - shown[..., None]).square() * (-0.5 / _SPREAD**2)).exp()  # (B, P, 2, side)
    across, down = near[:, :, 0], near[:, :, 1].transpose(1, 2)
    spread = down[:, None] @ (across[:, None] * missing[..., None])
    total = down @ across + _FADE
    return places + (spread / total[:, None]).view(batch, images, 2, side, side)


def resize_places(places: Tensor, size: int) -> Tensor:
    """Resizes coordinates ``(B, 2, g, g)``; up to the border, they follow the pixels."""
    if places.shape[-1] == size:
        return places
    moved = places - pixel_centres(places.shape[-1], places.device)
    moved = F.interpolate(moved, (size, size), mode="bilinear", align_corners=False)
    return moved + pixel_centres(size, places.device)


def _weighted_sums(points: Tensor, columns: Tensor, places: Tensor) -> Tensor:
    """Sums over the points, with the weight of each at each place.

    Args:
        points: Points, ``(B, P, 2)``.
        columns: Values of each point, ``(B, P, C)``.
        places: Places, ``(G, 2)``.

    Returns:
        ``(B, G, C)``.
    """
    sums = []
    for some, values in zip(points.split(_CHUNK), columns.split(_CHUNK), strict=True):
        nearness = torch.cdist(places.expand(len(some), -1, -1), some)
        nearness = nearness.div_(_REACH).square_().add_(1).reciprocal_()
        sums.append((nearness * nearness * nearness) @ values)
    return torch.cat(sums)


def pixel_centres(side: int, device: torch.device) -> Tensor:
    """Centres of the pixels of a square, ``(2, side, side)``, x before y."""
    steps = (torch.arange(side, device=device) * 2 + 1) / side - 1
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    return torch.stack([x, y])
