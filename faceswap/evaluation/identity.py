"""Whom a face resembles, by the embeddings of a recognition network."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.facesets.faceset import Face, Faceset
from faceswap.geometry.alignment import transform_points
from faceswap.recognizers import Recognizer
from faceswap.recognizers.mobilefacenet import normalised

Embedding = NDArray[np.float32]
"""``(D,)`` of length 1."""

MOST_REFERENCES = 64
"""Faces that a person's reference is the mean of, at most."""


def reference(embeddings: Sequence[Embedding]) -> Embedding:
    """A person as the direction of the mean of embeddings of real faces."""
    return normalised(np.mean(np.stack(embeddings), axis=0))


def evenly(items: Sequence[int], at_most: int) -> list[int]:
    """No more than so many of the items, evenly over all."""
    if len(items) <= at_most:
        return list(items)
    places = np.linspace(0, len(items) - 1, at_most).round().astype(int)
    return [items[place] for place in places]


def embed_faces(
    faces: Sequence[tuple[Faceset, Face]], recognizer: Recognizer, at_most: int = MOST_REFERENCES
) -> list[Embedding]:
    """Embeddings of faces in facesets, evenly chosen, by the landmarks they were extracted with."""
    chosen = [faces[place] for place in evenly(range(len(faces)), at_most)]
    return [
        recognizer(faceset.load_crop(face), transform_points(face.matrix, face.landmarks))
        for faceset, face in chosen
    ]


def faceset_reference(faces: Sequence[tuple[Faceset, Face]], recognizer: Recognizer) -> Embedding:
    """A person by their faces in facesets."""
    return reference(embed_faces(faces, recognizer))


def identity_scores(
    before: Embedding | None,
    after: Embedding | None,
    known: Mapping[str, Embedding],
    target: str | None,
) -> dict[str, float]:
    """Whom a face resembles; empty without embeddings.

    Args:
        before: Embedding of the face in the source.
        after: Of the same face in the output.
        known: Of every known person.
        target: Who the face should be, if that is known.
    """
    if before is None or after is None:
        return {}
    scores = {"similarity_source": float(before @ after)}
    if target is not None and known:
        near = {name: float(after @ person) for name, person in known.items()}
        scores["similarity_target"] = near[target]
        others = [value for name, value in near.items() if name != target]
        if others:
            scores["retrieval"] = float(near[target] > max(others))
    return scores
