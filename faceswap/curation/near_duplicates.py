"""Near-duplicates: faces that show the same as a sharper one.

Two faces are as far apart as their pictures, their landmarks and the openings of mouth and eyes
are, each in units of what hardly can be seen. Pictures alone would call a blink a duplicate, and
landmarks alone another light.
"""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.curation.measures import Faces, eye_openings, mouth_openings
from faceswap.curation.thumbnails import Thumbnails
from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.geometry.landmarks68 import INNER

# What makes a distance of 1: standard deviations of a picture of [0, 1], and face squares.
_PICTURE, _LANDMARKS, _MOUTH, _EYES = 0.015, 0.0075, 0.0075, 0.005
_FREQUENCIES = 12  # of a discrete cosine transform of the thumbnail, in each direction
_ROWS = 512


def appearance(faces: Faces, thumbnails: Thumbnails) -> NDArray[np.float32]:
    """Vectors whose Euclidean distance tells how different two faces look.

    Args:
        faces: Faces.
        thumbnails: Their thumbnails.

    Returns:
        ``(N, 248) float32``; 1 is a difference that can hardly be seen.
    """
    grey = [cv2.cvtColor(image, cv2.COLOR_RGB2GRAY) for image in thumbnails.images]
    # Orthonormal, so that distances of coefficients are those of pixels without fine detail.
    waves = [cv2.dct(image / np.float32(255))[:_FREQUENCIES, :_FREQUENCIES] for image in grey]
    pictures = np.array(waves, np.float32).reshape(len(grey), _FREQUENCIES**2)
    placed = [
        transform_points(crop_matrix(face.landmarks, 1, 1), face.landmarks)[INNER] for face in faces
    ]
    points = np.array(placed, np.float32).reshape(len(grey), 2 * (INNER.stop - INNER.start))
    side = thumbnails.images.shape[1]
    return np.concatenate(
        [
            pictures / (side * _PICTURE),
            points / (np.sqrt(INNER.stop - INNER.start) * _LANDMARKS),
            mouth_openings(faces)[:, None] / _MOUTH,
            eye_openings(faces)[:, None] / _EYES,
        ],
        1,
        dtype=np.float32,
    )


def near_duplicates(
    vectors: NDArray[np.float32],
    quality: NDArray[np.floating],
    threshold: float = 1.0,
    on_faces: Callable[[int], object] = lambda _count: None,
) -> NDArray[np.int64]:
    """Which face each one is a near-duplicate of.

    The best face comes first and is kept; each later one is kept if no kept face is near. Every
    face is therefore near to the one that is kept for it, however slowly a head moves.

    Args:
        vectors: ``appearance`` of the faces, ``(N, D)``.
        quality: Quality of the faces, such as their sharpness, ``(N,)``.
        threshold: Distance up to which faces are near-duplicates.
        on_faces: Called with the number of faces just compared.

    Returns:
        ``(N,)`` indices; a face that is kept has its own.
    """
    order = np.argsort(-quality, kind="stable")
    sorted_vectors = vectors[order]
    power = np.square(sorted_vectors).sum(1)
    found = np.arange(len(vectors))  # in that order
    kept = np.zeros(0, np.int64)
    for start in range(0, len(vectors), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(vectors)))
        pool = np.r_[kept, rows]
        cross = sorted_vectors[rows] @ sorted_vectors[pool].T
        squared = power[rows, None] + power[pool] - 2 * cross
        kept = np.r_[kept, _keep(squared, rows, kept, threshold**2, found)]
        on_faces(len(rows))
    representative = np.empty(len(vectors), np.int64)
    representative[order] = order[found]
    return representative


def _keep(
    squared: NDArray[np.float32],
    rows: NDArray[np.int64],
    kept: NDArray[np.int64],
    limit: float,
    found: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Rows of a block that are kept; ``found`` gets the face that is kept for each of the others.

    Args:
        squared: Squared distances of the rows from the faces kept before and from each other.
        rows: Faces of the block.
        kept: Faces kept before.
        limit: Squared distance up to which faces are near-duplicates.
        found: Face kept for each face.
    """
    before = len(kept)
    nearest = squared[:, :before].argmin(1) if before else np.zeros(len(rows), np.int64)
    new: list[int] = []
    for place, row in enumerate(rows):
        if before and squared[place, nearest[place]] <= limit:
            found[row] = kept[nearest[place]]
            continue
        beside = squared[place, before + np.array(new, np.int64)] if new else np.zeros(0)
        if len(beside) and beside.min() <= limit:
            found[row] = rows[new[int(beside.argmin())]]
        else:
            new.append(place)
    return rows[new]
