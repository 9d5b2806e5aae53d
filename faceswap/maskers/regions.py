"""Regions of a face around its eyes and its mouth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.landmarks68 import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from faceswap.maskers.hull import CIRCLE, fill_convex

EYES: Sequence[slice] = (LEFT_EYE, RIGHT_EYE)
MOUTH: Sequence[slice] = (OUTER_LIPS,)


def fill_features(
    size: int, landmarks: ArrayLike, features: Sequence[slice], margin: float
) -> NDArray[np.uint8]:
    """Renders features of a face with a margin around them.

    Args:
        size: Side of the mask in pixels.
        landmarks: Landmarks, ``(68, 2)`` in pixels of the mask, iBUG 300-W order.
        features: Landmarks of each feature, such as ``EYES`` or ``(*EYES, *MOUTH)``.
        margin: Margin in pixels.

    Returns:
        Mask, ``(size, size) uint8``, 255 inside.
    """
    points = np.asarray(landmarks)
    mask = np.zeros((size, size), np.uint8)
    for feature in features:
        # The convex hull of discs: a dilation of the mask takes ten times as long.
        around = (points[feature, None] + margin * CIRCLE).reshape(-1, 2)
        np.maximum(mask, fill_convex(size, around), out=mask)
    return mask
