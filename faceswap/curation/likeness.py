"""Vectors of faces by which they are alike, and the order in which each follows its nearest."""

from collections.abc import Callable, Mapping, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError
from faceswap.core.text import shell_word
from faceswap.curation.measures import PIXEL_MEASURES
from faceswap.curation.near_duplicates import appearance
from faceswap.curation.thumbnails import Thumbnails, read_thumbnails
from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset

Vectors = NDArray[np.float32]
OnFaces = Callable[[int], object]

_LEVELS = 6  # of each channel of a colour histogram
_DIMENSIONS = 32  # in which neighbours are looked for
_FEWEST_GONE = 256  # faces that are placed before the array is made smaller


def picture_vectors(faceset: Faceset, faces: Sequence[Face], on_faces: OnFaces) -> Vectors:
    """Vectors of pose, expression and picture; 1 apart is a difference that can hardly be seen.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    return appearance(faces, read_thumbnails([(faceset, face) for face in faces], on_faces))


def colour_vectors(faceset: Faceset, faces: Sequence[Face], on_faces: OnFaces) -> Vectors:
    """Vectors of the colours of faces, without their places; 1 apart have no colour in common.

    Raises:
        MediaError: A crop is missing or damaged.
    """
    return colour_histograms(read_thumbnails([(faceset, face) for face in faces], on_faces))


def embedding_vectors(faceset: Faceset, faces: Sequence[Face], _on_faces: OnFaces) -> Vectors:
    """Embeddings of faces, ``(N, E) float32``.

    Raises:
        FacesetError: A face has none.
    """
    images = (face.image for face in faceset.faces())
    of_image = dict(zip(images, faceset.embeddings(), strict=True))
    found = [vector for face in faces if (vector := of_image[face.image]) is not None]
    if len(found) < len(faces):
        raise FacesetError(
            f"{len(faces) - len(found)} of {len(faces)} faces of {faceset.path} have no embedding.",
            f"Compute them with `faceswap faces people {shell_word(faceset.path)}`, or use --by "
            "similarity.",
        )
    return np.array(found, np.float32) if found else np.zeros((0, 1), np.float32)


VECTORS: Mapping[str, Callable[[Faceset, Sequence[Face], OnFaces], Vectors]] = {
    "similarity": picture_vectors,
    "colour": colour_vectors,
    "identity": embedding_vectors,
}
"""Vectors by which faces are alike, by name; they need ``(faceset, faces, on_faces)``."""


def reads_crops(key: str) -> bool:
    """Whether an order or a grouping of this name decodes the crops of the faces."""
    return key in PIXEL_MEASURES or key in ("similarity", "colour")


def colour_histograms(thumbnails: Thumbnails) -> Vectors:
    """Square roots of colour histograms of the faces, whose distance is Hellinger's.

    Args:
        thumbnails: Thumbnails of faces.

    Returns:
        ``(N, 216) float32``; the length of each is the square root of a half.
    """
    found = np.zeros((len(thumbnails.images), _LEVELS**3), np.float32)
    for place, (image, mask) in enumerate(zip(thumbnails.images, thumbnails.masks, strict=True)):
        lab = cv2.cvtColor(image, cv2.COLOR_RGB2LAB)[mask].astype(np.int64)
        # Colours of faces lie in the middle half of the axes a and b.
        lab[:, 1:] = (2 * lab[:, 1:] - 128).clip(0, 255)
        levels = lab * _LEVELS // 256
        cell = (levels[:, 0] * _LEVELS + levels[:, 1]) * _LEVELS + levels[:, 2]
        counts = np.bincount(cell, minlength=_LEVELS**3)
        found[place] = np.sqrt(counts / (2 * max(1, len(cell))))
    return found


def chain(vectors: Vectors, on_faces: OnFaces = lambda _count: None) -> NDArray[np.int64]:
    """Order in which each face is followed by the nearest of those that are left.

    It starts at the face farthest from the mean, so that it does not have to come back there.

    Args:
        vectors: Vectors of faces, ``(N, D)``.
        on_faces: Callback with the number of faces placed since its last call.

    Returns:
        ``(N,)`` indices.
    """
    left = _reduced(vectors)
    power, names = np.square(left).sum(1), np.arange(len(left))
    order = np.empty(len(left), np.int64)
    current = int(power.argmax()) if len(left) else 0
    gone = 0
    for place in range(len(order)):
        order[place], here = names[current], left[current]
        power[current] = np.inf
        gone += 1
        if gone > max(len(left) // 2, _FEWEST_GONE):
            kept = np.isfinite(power)
            left, power, names, gone = left[kept], power[kept], names[kept], 0
        if len(left):
            # Squared distances, but for the same term in all.
            current = int((power - 2 * (left @ here)).argmin())
        on_faces(1)
    return order


def _reduced(vectors: Vectors) -> Vectors:
    """Vectors relative to their mean, in the directions in which they differ most."""
    centred = vectors - vectors.mean(0, keepdims=True) if len(vectors) else vectors
    if centred.shape[1] <= _DIMENSIONS:
        return centred
    _, axes = np.linalg.eigh(centred.T @ centred)  # ascending
    return centred @ axes[:, : -_DIMENSIONS - 1 : -1].astype(np.float32)
