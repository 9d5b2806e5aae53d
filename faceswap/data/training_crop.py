"""The crop of a face that is trained on.

``(S, S, 6) uint8``: RGB, face mask, mask of the eyes, and mask of the mouth. Crops are larger than
the training square, so that rotating and shifting them does not expose a border.
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.files import IMAGES
from faceswap.geometry.alignment import compose, crop_matrix, invert, transform_points, warp
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.regions import EYES, MOUTH, fill_features

CHANNELS = 6
_FEATURE_MARGIN = 0.04  # of the face square

Array = NDArray[np.uint8]


@dataclass(frozen=True)
class CropGeometry:
    """Size of the training crops.

    Attributes:
        size: Side of the training square in pixels.
        coverage: Side of the training square in face squares.
        side: Side of the crops in pixels: ``size`` plus an even number.
    """

    size: int
    coverage: float
    side: int

    @classmethod
    def with_reach(cls, size: int, coverage: float, reach: float, stored: float) -> "CropGeometry":
        """Geometry of crops that cover ``reach`` times the training square.

        Args:
            size: Side of the training square in pixels.
            coverage: Side of the training square in face squares.
            reach: ``WarpRanges.reach``.
            stored: Coverage of the crops in the facesets, which limits the margin.
        """
        reach = min(reach, stored / coverage)
        margin = max(0, math.floor((reach - 1) * size / 2))
        return cls(size, coverage, size + 2 * margin)

    @property
    def margin(self) -> float:
        """Side of the crops over the side of the training square, at least 1."""
        return self.side / self.size


def training_crop(faceset: Faceset, face: Face, geometry: CropGeometry) -> Array:
    """Crop of one face at training size, ``(S, S, 6) uint8``; see the module.

    Raises:
        FacesetError: The stored crop or its mask does not have the size recorded in the faceset.
    """
    crop = faceset.load_crop(face)
    check_crop_size(crop, faceset.crop_size, faceset.path / IMAGES / face.image)
    mask = None
    folder, name = faceset.mask_file(face)
    if name is not None:
        mask = faceset.load_mask(face)
        check_crop_size(mask, faceset.crop_size, faceset.path / folder / name)
    return cut_training_crop(
        crop, mask, face.landmarks, face.matrix, faceset.crop_coverage, geometry
    )


def cut_training_crop(
    crop: Array,
    mask: Array | None,
    landmarks: NDArray[np.float32],
    matrix: NDArray[np.float64],
    coverage: float,
    geometry: CropGeometry,
) -> Array:
    """Cuts a stored crop to training size.

    Args:
        crop: Stored crop, ``(N, N, 3) uint8 RGB``.
        mask: Mask of it, ``(N, N) uint8``; None for the hull of the landmarks.
        landmarks: Landmarks68 in frame pixels, ``(68, 2)``.
        matrix: Crop matrix, ``(2, 3)``, frame pixel -> pixel of ``crop``.
        coverage: Side of ``crop`` in face squares.
        geometry: Size of the result.

    Returns:
        ``(S, S, 6) uint8``, see the module.
    """
    points = transform_points(matrix, landmarks)
    if mask is None:
        mask = fill_hull(len(crop), points)
    margin = _FEATURE_MARGIN * len(crop) / coverage
    features = [fill_features(len(crop), points, parts, margin) for parts in (EYES, MOUTH)]
    # By the smoothed landmarks, as in conversion; the stored crop was cut by the raw ones.
    cut = crop_matrix(landmarks, geometry.side, geometry.coverage * geometry.margin)
    to_cut = compose(cut, invert(matrix))
    layers = [warp(layer, to_cut, geometry.side) for layer in (crop, mask, *features)]
    return np.dstack(layers)


def check_crop_size(image: Array, stored: int, path: Path) -> None:
    """Refuses a stored crop or mask of another size than its faceset says.

    Raises:
        FacesetError: It has another size.
    """
    if image.shape[:2] != (stored, stored):
        raise FacesetError(
            f"Expected {stored}x{stored} pixels in {path}, found "
            f"{image.shape[1]}x{image.shape[0]}.",
            "Save it at that size, delete the image in images/ to leave the face out, or extract "
            "the source again.",
        )
