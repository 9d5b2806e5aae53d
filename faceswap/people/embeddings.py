"""Identity embeddings of faces, and their means."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.face import Face
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.recognizers import Recognizer
from faceswap.recognizers.mobilefacenet import normalised

Embedding = NDArray[np.float32]
"""``(D,) float32`` of unit length."""

MAX_REFERENCE_FACES = 64
"""Maximum number of faces averaged into a reference of an identity."""

SAME_PERSON = 0.42
"""Cosine similarity of mean embeddings from which two tracks show one person.

Means of different people of the AT&T database reach .34, means of one person begin at .5.
"""


def mean_embedding(embeddings: Sequence[Embedding] | NDArray[np.float32]) -> Embedding:
    """Normalised mean of embeddings."""
    return normalised(np.mean(np.stack(list(embeddings)), axis=0))


def evenly_spaced(items: Sequence[int], limit: int) -> list[int]:
    """At most ``limit`` of the items, evenly spaced."""
    if len(items) <= limit:
        return list(items)
    positions = np.linspace(0, len(items) - 1, limit).round().astype(int)
    return [items[position] for position in positions]


def embed_faces(
    faces: Sequence[tuple[Faceset, Face]], recognizer: Recognizer, limit: int = MAX_REFERENCE_FACES
) -> list[Embedding]:
    """Embeddings of at most ``limit`` evenly spaced faces, aligned by their stored landmarks."""
    chosen = [faces[position] for position in evenly_spaced(range(len(faces)), limit)]
    images = [faceset.load_crop(face) for faceset, face in chosen]
    return list(
        recognizer(images, [transform_points(face.matrix, face.landmarks) for _, face in chosen])
    )


def faceset_embedding(faces: Sequence[tuple[Faceset, Face]], recognizer: Recognizer) -> Embedding:
    """Mean embedding of an identity over faces of facesets."""
    return mean_embedding(embed_faces(faces, recognizer))
