"""Identity metrics from the embeddings of a recognition network."""

from collections.abc import Mapping

from faceswap.people.embeddings import Embedding


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
