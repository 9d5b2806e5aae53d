"""Identity metrics from the embeddings of a recognition network."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.faceset import Face, Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.recognizers import Recognizer
from faceswap.recognizers.mobilefacenet import normalised

Embedding = NDArray[np.float32]
"""``(D,) float32`` of unit length."""

MAX_REFERENCE_FACES = 64
"""Maximum number of faces averaged into a reference of an identity."""


def mean_embedding(embeddings: Sequence[Embedding]) -> Embedding:
    """Normalised mean of embeddings."""
    return normalised(np.mean(np.stack(embeddings), axis=0))


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
    return [
        recognizer(faceset.load_crop(face), transform_points(face.matrix, face.landmarks))
        for faceset, face in chosen
    ]


def faceset_embedding(faces: Sequence[tuple[Faceset, Face]], recognizer: Recognizer) -> Embedding:
    """Mean embedding of an identity over faces of facesets."""
    return mean_embedding(embed_faces(faces, recognizer))


def identity_scores(
    before: Embedding | None,
    after: Embedding | None,
    references: Mapping[str, Embedding],
    target: str | None,
) -> dict[str, float]:
    """Similarity to source and target, and retrieval; empty without embeddings.

    Args:
        before: Embedding ``(D,)`` of the face in the source frame.
        after: Embedding ``(D,)`` of the face in the output frame.
        references: Reference embedding of each identity, by name.
        target: Identity that should appear; None when unknown.
    """
    if before is None or after is None:
        return {}
    scores = {"similarity_source": float(before @ after)}
    if target is not None and references:
        similarities = {name: float(after @ mean) for name, mean in references.items()}
        scores["similarity_target"] = similarities[target]
        others = [value for name, value in similarities.items() if name != target]
        if others:
            scores["retrieval"] = float(similarities[target] > max(others))
    return scores
