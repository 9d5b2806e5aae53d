"""The faces of one identity at training size, decoded once and memory-mapped.

A file ``(N, S, S, 5) uint8``: RGB, face mask, and mask of eyes and mouth. Crops are larger than the
training square, so that rotating and shifting them does not expose a border.
"""

import hashlib
import json
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.files import atomic_path
from faceswap.facesets.faceset import IMAGES, Face, Faceset
from faceswap.geometry.alignment import compose, crop_matrix, invert, transform_points, warp
from faceswap.geometry.landmarks68 import LEFT_EYE, OUTER_LIPS, RIGHT_EYE
from faceswap.maskers.hull import fill_hull

CHANNELS = 5
_FEATURES = (LEFT_EYE, RIGHT_EYE, OUTER_LIPS)
_FEATURE_MARGIN = 0.04  # of the face square
_THREADS = 4

Array = NDArray[np.uint8]


@dataclass(frozen=True)
class CropGeometry:
    """Size of the cached crops.

    Attributes:
        size: Side of the training square in pixels.
        coverage: Side of the training square in face squares.
        side: Side of the cached crops in pixels: ``size`` plus an even number.
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
        """Side of the cached crops over the side of the training square, at least 1."""
        return self.side / self.size


@dataclass(frozen=True)
class FaceCache:
    """Cached faces of one identity; only the path is sent to other processes.

    Attributes:
        path: Path of the ``.npy`` file.
        geometry: Size of the crops.
    """

    path: Path
    geometry: CropGeometry

    def open(self) -> Array:
        """Maps the file into memory: ``(N, S, S, 5) uint8``, read-only."""
        return np.load(self.path, mmap_mode="r")


def build_cache(
    folder: Path,
    name: str,
    faces: Sequence[tuple[Faceset, Face]],
    geometry: CropGeometry,
    on_faces: Callable[[int], object] = lambda _: None,
) -> FaceCache:
    """Builds the cache of an identity, or reuses the one of the same faces.

    Args:
        folder: Folder of the caches; may be deleted between runs.
        name: Name of the identity, part of the file name.
        faces: Faces of the identity, in order.
        geometry: Size of the crops.
        on_faces: Callback with the number of faces finished since the last call.

    Raises:
        FacesetError: A crop is missing or cannot be read.
        StorageFullError: The disk is full.
    """
    path = folder / f"{name}-{_key(faces, geometry)}.npy"
    if not path.is_file():
        _remove_older(folder, name)
        with atomic_path(path) as temporary:
            shape = (len(faces), geometry.side, geometry.side, CHANNELS)
            array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            for index, crop in enumerate(_crops(faces, geometry)):
                array[index] = crop
                on_faces(1)
            array.flush()
            del array
    return FaceCache(path, geometry)


def _key(faces: Sequence[tuple[Faceset, Face]], geometry: CropGeometry) -> str:
    sources = [
        [str(faceset.path.resolve()), faceset.content_hash()]
        for faceset in {id(faceset): faceset for faceset, _ in faces}.values()
    ]
    described = json.dumps([sources, [face.image for _, face in faces], asdict(geometry)])
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _remove_older(folder: Path, name: str) -> None:
    for path in folder.glob(f"{name}-{'?' * 16}.npy"):
        path.unlink(missing_ok=True)


def _crops(faces: Sequence[tuple[Faceset, Face]], geometry: CropGeometry) -> Iterator[Array]:
    with ThreadPoolExecutor(_THREADS) as pool:
        # In chunks: map would queue all faces at once and hold the decoded crops.
        for start in range(0, len(faces), 64):
            chunk = faces[start : start + 64]
            yield from pool.map(lambda pair: training_crop(pair[0], pair[1], geometry), chunk)


def training_crop(faceset: Faceset, face: Face, geometry: CropGeometry) -> Array:
    """Crop of one face at training size, ``(S, S, 5) uint8``; see the module.

    Raises:
        FacesetError: The stored crop does not have the size recorded in the faceset.
    """
    crop = faceset.load_crop(face)
    stored = faceset.crop_size
    if crop.shape[:2] != (stored, stored):
        raise FacesetError(
            f"Expected {stored}x{stored} pixels in {faceset.path / IMAGES / face.image}, found "
            f"{crop.shape[1]}x{crop.shape[0]}.",
            "Delete that image to leave the face out, or extract the source again.",
        )
    points = transform_points(face.matrix, face.landmarks)
    mask = faceset.load_mask(face) if face.mask else fill_hull(len(crop), points)
    features = _feature_mask(points, stored, stored / faceset.crop_coverage)
    # By the smoothed landmarks, as in conversion; the stored crop was cut by the raw ones.
    cut = crop_matrix(face.landmarks, geometry.side, geometry.coverage * geometry.margin)
    matrix = compose(cut, invert(face.matrix))
    layers = [warp(layer, matrix, geometry.side) for layer in (crop, mask, features)]
    return np.dstack(layers)


def _feature_mask(points: NDArray[np.floating], side: int, square: float) -> Array:
    """Mask of eyes and mouth with a margin, ``(side, side) uint8``; ``square`` in pixels."""
    mask = np.zeros((side, side), dtype=np.uint8)
    for feature in _FEATURES:
        outline = cv2.convexHull(np.round(points[feature] * 16).astype(np.int32))
        cv2.fillConvexPoly(mask, outline, 255, cv2.LINE_AA, 4)
    radius = max(1, round(_FEATURE_MARGIN * square))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
    return cv2.dilate(mask, kernel).astype(np.uint8, copy=False)
