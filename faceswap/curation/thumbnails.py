"""Thumbnails of crops: decoded once, small enough that those of all faces fit into memory."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.geometry.landmarks68 import BROWS
from faceswap.maskers.hull import fill_convex

SIDE = 32
"""Side of a thumbnail in pixels: 4 KB a face."""
_THREADS = 4
_AT_ONCE = 64


@dataclass(frozen=True)
class Thumbnails:
    """Thumbnails of faces.

    Attributes:
        images: Whole crops, ``(N, 32, 32, 3) uint8`` RGB.
        masks: Faces from eyes to chin, ``(N, 32, 32) bool``: above are brows and often hair.
        square: Side of the face square as a fraction of the crop's.
    """

    images: NDArray[np.uint8]
    masks: NDArray[np.bool_]
    square: float

    def __getitem__(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> "Thumbnails":
        """Those of some of the faces."""
        return Thumbnails(self.images[chosen], self.masks[chosen], self.square)


def read_thumbnails(
    pairs: Sequence[tuple[Faceset, Face]], on_faces: Callable[[int], object] = lambda _count: None
) -> Thumbnails:
    """Decodes the crops of faces; about 2 ms a face.

    Args:
        pairs: Faces with their facesets.
        on_faces: Called with the number of faces just read.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    images = np.empty((len(pairs), SIDE, SIDE, 3), np.uint8)
    masks = np.empty((len(pairs), SIDE, SIDE), np.bool_)
    with ThreadPoolExecutor(_THREADS) as pool:
        # In chunks: map would queue all faces at once and hold the decoded crops.
        for start in range(0, len(pairs), _AT_ONCE):
            some = pairs[start : start + _AT_ONCE]
            for place, (image, mask) in enumerate(pool.map(_thumbnail, some), start):
                images[place], masks[place] = image, mask
            on_faces(len(some))
    coverage = pairs[0][0].crop_coverage if pairs else 1.0
    return Thumbnails(images, masks, 1 / coverage)


def _thumbnail(pair: tuple[Faceset, Face]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    faceset, face = pair
    crop = cv2.resize(faceset.load_crop(face), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    scale = SIDE / faceset.crop_size
    points = (transform_points(face.matrix, face.landmarks) + 0.5) * scale - 0.5
    return np.asarray(crop, np.uint8), fill_convex(SIDE, np.delete(points, BROWS, 0)) > 127
