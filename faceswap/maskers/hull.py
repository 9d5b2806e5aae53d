"""Masker by the convex hull of the landmarks: without a network, ignores hair and hands."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.core.errors import ConfigError
from faceswap.geometry.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from faceswap.maskers.registry import maskers

_FOREHEAD = 0.75  # extent above the brows, as a fraction of the distance from eye to brow


def hull_polygon(landmarks: ArrayLike, forehead: float = _FOREHEAD) -> NDArray[np.float32]:
    """Computes the convex outline of a face, from the jaw to above the brows.

    Args:
        landmarks: Landmarks, ``(68, 2)`` in pixels, iBUG 300-W order.
        forehead: Extent above the brows, as a fraction of the distance from eye to brow.

    Returns:
        Polygon, ``(N, 2) float32`` in the same pixels.
    """
    points = np.array(landmarks, dtype=np.float32)
    for brow, eye in ((LEFT_BROW, LEFT_EYE), (RIGHT_BROW, RIGHT_EYE)):
        points[brow] += forehead * (points[brow].mean(0) - points[eye].mean(0))
    return cv2.convexHull(points)[:, 0].astype(np.float32)


def fill_convex(size: int, points: ArrayLike) -> NDArray[np.uint8]:
    """Renders the convex hull of points with an anti-aliased edge.

    Args:
        size: Side of the mask in pixels.
        points: Points, ``(N, 2)`` in pixels of the mask.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    mask = np.zeros((size, size), dtype=np.uint8)
    fixed_point = 4  # fractional bits: vertices are placed to a 16th of a pixel
    polygon = cv2.convexHull(np.asarray(points, np.float32))[:, 0]
    vertices = np.round(polygon * (1 << fixed_point)).astype(np.int32)
    cv2.fillConvexPoly(mask, vertices, 255, cv2.LINE_AA, fixed_point)
    return mask


def fill_hull(
    size: int, landmarks: ArrayLike, grow: float = 0.0, forehead: float = _FOREHEAD
) -> NDArray[np.uint8]:
    """Renders the hull as a mask with an anti-aliased edge.

    Args:
        size: Side of the mask in pixels.
        landmarks: Landmarks, ``(68, 2)`` in pixels of the mask.
        grow: Dilation of the hull in pixels.
        forehead: Extent above the brows, as a fraction of the distance from eye to brow.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    mask = fill_convex(size, hull_polygon(landmarks, forehead))
    if round(grow) < 1:
        return mask
    side = 2 * round(grow) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)


class HullMasker:
    """Masks the convex hull of the landmarks."""

    facts: Mapping[str, str] = MappingProxyType({})

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.uint8]]:
        """Computes one mask per crop, as described in ``Masker``."""
        return [
            fill_hull(crop.shape[0], points) for crop, points in zip(crops, landmarks, strict=True)
        ]


@maskers.register
def hull(device: str = "cpu", model: Path | None = None) -> HullMasker:  # noqa: ARG001 (no network)
    """Builds the masker ``hull``.

    Raises:
        ConfigError: A network is given.
    """
    if model is not None:
        raise ConfigError(
            "The masker 'hull' does not use a network.",
            "Omit --mask-model, or choose the masker 'segmentation'.",
        )
    return HullMasker()
