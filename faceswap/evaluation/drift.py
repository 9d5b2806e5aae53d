"""Drift of the identity from frame to frame, relative to the source."""

from collections.abc import Mapping

import numpy as np

from faceswap.evaluation.consecutive import FrameKey, consecutive
from faceswap.people.embeddings import Embedding

_SAME = 1e-6  # distance of embeddings of equal images


def identity_drift(
    before: Mapping[FrameKey, Embedding], after: Mapping[FrameKey, Embedding]
) -> float | None:
    """Mean Euclidean distance of the embeddings of consecutive frames, output over source.

    Args:
        before: Source embeddings by frame, ``(D,)`` of unit length.
        after: Output embeddings of the same frames.

    Returns:
        1 for an identity as steady as the source's; None without consecutive frames or when those
        of the source are all equal.
    """
    pairs = consecutive(after, 2)
    if not pairs:
        return None
    real, swapped = (
        float(np.mean([np.linalg.norm(found[last] - found[first]) for first, last in pairs]))
        for found in (before, after)
    )
    return swapped / real if real > _SAME else None
