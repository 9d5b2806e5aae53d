"""Soft masks of the faces to replace, in crop space."""

from collections.abc import Iterable, Sequence
from itertools import repeat

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from cv2.typing import MatLike
from numpy.typing import NDArray
from torch import Tensor

from faceswap.conversion.compositing import CompositeSettings
from faceswap.conversion.temples import temple_points
from faceswap.maskers import Masker
from faceswap.maskers.hull import fill_convex, hull_polygon

_MASK_SIZE = 128  # px: masks are blurred anyway, so they need no finer grid
_SIDEWAYS = 0.1  # face squares: a mask that ends farther from a temple does not reach it


def face_masks(
    crops: list[NDArray[np.uint8]],
    landmarks: list[NDArray[np.floating]],
    meshes: Sequence[NDArray[np.floating] | None],
    coverage: float,
    settings: CompositeSettings,
    masker: Masker,
    predicted: Tensor | None = None,
    shown_meshes: Sequence[NDArray[np.floating]] | None = None,
) -> Tensor:
    """Computes soft masks in crop space.

    Args:
        crops: Crops of the frame, ``(S, S, 3) uint8 RGB``.
        landmarks: Landmarks of each crop, ``(68, 2)`` in crop pixels.
        meshes: Face mesh of each crop, ``(478, 2)`` in crop pixels; None for landmarkers of 68
            points.
        coverage: Side of the crops in face squares.
        settings: Compositing settings; only ``erode`` and ``feather`` are used.
        masker: Masker of the frame's own faces.
        predicted: Masks of the swapped faces, ``(B, 1, s, s)`` in [0, 1]; None if the model does
            not predict them. They remove decoded hair and background where the frame's face is
            wider than the swapped one.
        shown_meshes: Mesh of each swapped face, ``(478, 2)`` in crop pixels, if it is known to
            cover the temples; they are then part of masks of a whole face, wherever these end
            beside them.

    Returns:
        Soft masks, ``(B, 1, M, M) float32`` in [0, 1], zero at the crop's border.

    Raises:
        ConfigError: The masker needs a mesh, and a face has none.
    """
    face_square = _MASK_SIZE / coverage
    shown: Iterable[MatLike | None] = repeat(None, len(crops))
    if predicted is not None:
        sides = (_MASK_SIZE, _MASK_SIZE)
        resized = F.interpolate(predicted, sides, mode="bilinear", align_corners=False)
        shown = resized[:, 0].float().cpu().numpy()
    outlines = masker(crops, landmarks, meshes)
    known = repeat(None, len(crops))
    if shown_meshes is not None and masker.whole_face:
        known = shown_meshes
    masks = [
        _soften(_covered(*face, face_square), coverage, settings)
        for face in zip(outlines, landmarks, shown, known, strict=True)
    ]
    return torch.from_numpy(np.stack(masks)[:, None])


def _covered(
    mask: MatLike,
    landmarks: NDArray[np.floating],
    shown: MatLike | None,
    mesh: NDArray[np.floating] | None,
    face_square: float,
) -> MatLike:
    """Mask of a face with its temples, without what the swapped face shows as background."""
    scale = _MASK_SIZE / mask.shape[0]
    mask = cv2.resize(mask, (_MASK_SIZE, _MASK_SIZE), interpolation=cv2.INTER_AREA)
    if mesh is not None:
        points = _scaled(landmarks, scale)
        temples = fill_convex(_MASK_SIZE, temple_points(points, _scaled(mesh, scale), face_square))
        # What covers the face inside the landmarks stays excluded.
        inside = fill_convex(_MASK_SIZE, hull_polygon(points))
        mask = np.where(inside == 255, mask, _widened(mask, temples, face_square))
        if shown is not None:
            shown = _widened(shown, temples / np.float32(255), face_square)
    return mask if shown is None else (mask * shown).round().astype(np.uint8)


def _scaled(points: NDArray[np.floating], scale: float) -> NDArray[np.floating]:
    """Points of a crop in one of another size; pixel centres are at integers."""
    return (points + 0.5) * scale - 0.5


def _widened(mask: MatLike, temples: MatLike, face_square: float) -> MatLike:
    """A mask that covers the temples wherever it ends beside them."""
    return np.maximum(mask, np.minimum(_sideways(mask, face_square), temples))


def _sideways(mask: MatLike, face_square: float) -> MatLike:
    """Dilates a mask along the rows of its crop, which is upright."""
    return cv2.dilate(mask, np.ones((1, 2 * round(_SIDEWAYS * face_square) + 1), np.uint8))


def _soften(mask: MatLike, coverage: float, settings: CompositeSettings) -> NDArray[np.float32]:
    pixel = _MASK_SIZE / coverage / 100  # one per cent of the face square, in mask pixels
    feather = settings.feather * pixel
    inner = mask.copy()
    # Zero at the border, so that the edge of the decoded image is never visible.
    border = max(1, round(feather / 2))
    inner[:border] = inner[-border:] = inner[:, :border] = inner[:, -border:] = 0
    # The blur extends half the feather outwards, so the mask is eroded by that much first.
    inner = _erode(inner, settings.erode * pixel + feather / 2)
    soft = cv2.GaussianBlur(inner.astype(np.float32) / 255, (0, 0), max(feather / 4, 0.3))
    soft[[0, -1]] = soft[:, [0, -1]] = 0
    return np.asarray(soft, np.float32)


def _erode(mask: MatLike, radius: float) -> MatLike:
    side = 2 * round(abs(radius)) + 1
    if side == 1:
        return mask
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    grow_or_shrink = cv2.erode if radius > 0 else cv2.dilate
    # Pixels outside the crop are not face.
    return grow_or_shrink(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
