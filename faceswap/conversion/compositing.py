"""Composites swapped faces into frames: colour transfer, warp, blend, all on the device.

Colours are computed in crop space, where every face has the same size, and are then warped into
the frame together with face and mask. Only the pixels under the mask are touched.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.colour_match import ColourMatch
from faceswap.conversion.mask_edge import MaskEdge
from faceswap.geometry.alignment import (
    crop_matrix,
    invert,
    matrix_scale,
    of_stored,
    transform_points,
)
from faceswap.models.inference import resize

_REDUCED = 1.5  # size of a face over that in the frame from which it is reduced first


@dataclass(frozen=True)
class CompositeSettings:
    """Compositing settings.

    Attributes:
        colour: Name of the colour transfer.
        mask: Name of a masker, or a product such as ``hull*segmentation``.
        mask_model: Folder of the masker's network; None for a masker without one.
        edge: Erosion and soft edge of the mask.
        keep: Features of the frame's own face that are not replaced.
        predicted: Whether the mask that a model predicts is multiplied with the others.
    """

    colour: str = "lab"
    mask: str = "hull"
    mask_model: Path | None = None
    edge: MaskEdge = field(default_factory=MaskEdge)
    keep: tuple[str, ...] = ()
    predicted: bool = True


def match_colour(
    faces: Tensor,
    crops: Tensor,
    masks: Tensor,
    coverage: float,
    settings: CompositeSettings,
    visible: Tensor | None = None,
) -> Tensor:
    """Transfers the colours of the frame's own faces to the swapped faces.

    Args:
        faces: Swapped faces, ``(B, 3, S, S) float32 RGB`` in [0, 1].
        crops: The frame's own faces, ``(B, 3, s, s) float32 RGB`` in [0, 1].
        masks: Face masks, ``(B, 1, M, M)`` in [0, 1].
        coverage: Side of the crops in face squares.
        settings: Compositing settings; only ``colour`` is used. With ``none``, the faces stay as
            they are.
        visible: Part of each crop that is in the frame, ``(B, 1, M, M)`` in [0, 1]: the pixels
            beyond repeat its edge. None if all of them are.

    Returns:
        Faces after the transfer, ``(B, 3, S, S) float32 RGB``.
    """
    match = ColourMatch(settings.colour, border_light=settings.colour != "none")
    known = masks if visible is None else masks * visible
    return match.apply(faces, match.measure(faces, crops, known, masks, coverage))


def paste(
    frame: NDArray[np.uint8],
    face: Tensor,
    mask: Tensor,
    landmarks: NDArray[np.floating],
    coverage: float,
    pixel_aspect: float = 1.0,
) -> None:
    """Blends one face into a frame, in place.

    Args:
        frame: Frame, ``(H, W, 3) uint8 RGB``.
        face: Swapped face, ``(3, S, S) float32 RGB`` in [0, 1], on the device to blend on.
        mask: Soft mask, ``(1, M, M) float32`` in [0, 1], on the same device.
        landmarks: Landmarks, ``(68, 2)`` in pixels of the frame as it is displayed.
        coverage: Side of the face's crop in face squares.
        pixel_aspect: Width over height of a pixel of the frame.
    """
    # Frame -> pixels of a crop of side 2.
    to_unit = of_stored(crop_matrix(landmarks, 2, coverage), pixel_aspect)
    region = _region(mask, to_unit, frame.shape)
    if region is None:
        return
    x0, y0, x1, y1 = region
    faces, across = face[None], 2 / matrix_scale(to_unit)
    # Interpolation reads the nearest pixels only, so a much larger face would flicker. Reduced to
    # the limit and no further, it keeps its detail, and does not jump when it reaches the limit.
    faces = resize(faces, min(face.shape[-1], max(1, round(_REDUCED * across))))
    grid = _sampling_grid(to_unit, region, face.device)
    warped = F.grid_sample(faces, grid, mode="bicubic", padding_mode="border", align_corners=False)
    alpha = F.grid_sample(mask[None], grid, mode="bilinear", align_corners=False)[0]
    pixels = frame[y0:y1, x0:x1]
    under = torch.from_numpy(pixels).to(face.device).permute(2, 0, 1).float()
    blended = torch.lerp(under, warped[0].clamp(0, 1) * 255, alpha)
    pixels[:] = blended.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def visible_part(
    shape: tuple[int, ...],
    landmarks: NDArray[np.floating],
    coverage: float,
    size: int,
    pixel_aspect: float = 1.0,
) -> Tensor:
    """Part of a crop that is in the frame, ``(1, size, size) float32``: 1 inside and 0 beyond.

    Args:
        shape: Shape of the frame, ``(H, W, ...)``.
        landmarks: Landmarks, ``(68, 2)`` in pixels of the frame as it is displayed.
        coverage: Side of the crop in face squares.
        size: Side of the result.
        pixel_aspect: Width over height of a pixel of the frame.
    """
    to_frame = invert(of_stored(crop_matrix(landmarks, size, coverage), pixel_aspect))
    ys, xs = np.mgrid[:size, :size]
    places = transform_points(to_frame, np.stack([xs, ys], -1).reshape(-1, 2))
    inside = ((places > -0.5) & (places < np.array(shape[1::-1]) - 0.5)).all(1)
    return torch.from_numpy(inside.reshape(1, size, size).astype(np.float32))


def _region(
    mask: Tensor, to_unit: NDArray[np.floating], shape: tuple[int, ...]
) -> tuple[int, int, int, int] | None:
    """Bounding box of the mask in the frame, ``(x0, y0, x1, y1)``; None if it is empty."""
    rows, columns = mask[0].amax(1).nonzero(), mask[0].amax(0).nonzero()
    if not len(rows):
        return None
    size = mask.shape[-1]
    # One more mask pixel on each side, for bilinear sampling.
    x0, x1 = int(columns[0]) - 1, int(columns[-1]) + 2
    y0, y1 = int(rows[0]) - 1, int(rows[-1]) + 2
    corners = np.array([[x0, y0], [x1, y0], [x0, y1], [x1, y1]]) * 2 / size - 0.5
    in_frame = transform_points(invert(to_unit), corners)
    left, top = np.floor(in_frame.min(0)).astype(int).clip(0)
    right, bottom = np.ceil(in_frame.max(0)).astype(int) + 1
    right, bottom = min(right, shape[1]), min(bottom, shape[0])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _sampling_grid(
    to_unit: NDArray[np.floating], region: tuple[int, int, int, int], device: torch.device
) -> Tensor:
    """``(1, h, w, 2)`` crop coordinates in [-1, 1] of each pixel of the region."""
    x0, y0, x1, y1 = region
    xs = torch.arange(x0, x1, device=device, dtype=torch.float32)
    ys = torch.arange(y0, y1, device=device, dtype=torch.float32)
    # A crop of side 2 has its pixel centres at 0 and 1, which are -0.5 and 0.5 of grid_sample.
    (a, b, c), (d, e, f) = to_unit.tolist()
    u = a * xs[None, :] + b * ys[:, None] + (c - 0.5)
    v = d * xs[None, :] + e * ys[:, None] + (f - 0.5)
    return torch.stack([u, v], -1)[None]
