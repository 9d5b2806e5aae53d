"""The hull of the landmarks: needs no network, knows nothing of hair or hands before the face."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.core.errors import ConfigError
from faceswap.geometry.landmarks68 import LEFT_BROW, LEFT_EYE, RIGHT_BROW, RIGHT_EYE
from faceswap.maskers.registry import maskers

_FOREHEAD = 0.75  # of the distance from eye to brow: how far above the brows the mask reaches


def hull_polygon(landmarks: ArrayLike, forehead: float = _FOREHEAD) -> NDArray[np.float32]:
    """The convex outline of a face, from jaw to a little above the brows.

    Args:
        landmarks: ``(68, 2)`` in pixels, iBUG order.
        forehead: How far above the brows it reaches, over the distance from eye to brow.

    Returns:
        ``(N, 2) float32`` polygon in the same pixels.
    """
    points = np.array(landmarks, dtype=np.float32)
    for brow, eye in ((LEFT_BROW, LEFT_EYE), (RIGHT_BROW, RIGHT_EYE)):
        points[brow] += forehead * (points[brow].mean(0) - points[eye].mean(0))
    return cv2.convexHull(points)[:, 0].astype(np.float32)


def fill_hull(
    size: int, landmarks: ArrayLike, grow: float = 0.0, forehead: float = _FOREHEAD
) -> NDArray[np.uint8]:
    """The hull as a mask with an anti-aliased edge.

    Args:
        size: Side of the mask in pixels.
        landmarks: ``(68, 2)`` in pixels of the mask.
        grow: Distance by which the hull is widened, in pixels.
        forehead: As for ``hull_polygon``.

    Returns:
        ``(size, size) uint8``, 255 = inside.
    """
    mask = np.zeros((size, size), dtype=np.uint8)
    fixed_point = 4  # fractional bits: vertices are placed to a 16th of a pixel
    polygon = np.round(hull_polygon(landmarks, forehead) * (1 << fixed_point)).astype(np.int32)
    cv2.fillConvexPoly(mask, polygon, 255, cv2.LINE_AA, fixed_point)
    if round(grow) < 1:
        return mask
    side = 2 * round(grow) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask, kernel), np.uint8)


class HullMasker:
    """Fills the landmarks' hull."""

    facts: Mapping[str, str] = MappingProxyType({})

    def __call__(
        self, crops: Sequence[NDArray[np.uint8]], landmarks: Sequence[NDArray[np.floating]]
    ) -> list[NDArray[np.uint8]]:
        """See ``Masker``."""
        return [
            fill_hull(crop.shape[0], points) for crop, points in zip(crops, landmarks, strict=True)
        ]


@maskers.register
def hull(device: str = "cpu", model: Path | None = None) -> HullMasker:  # noqa: ARG001 (no network)
    """The landmarks' hull.

    Raises:
        ConfigError: A network was given, which it has no use for.
    """
    if model is not None:
        raise ConfigError(
            "The masker 'hull' takes no network.", "Leave it out, or use --masker segmentation."
        )
    return HullMasker()
