"""Temporal jitter of landmarks and flicker of colour, relative to the source.

Both use the second temporal difference, which is zero for uniform motion and uniform brightness
changes.
"""

from collections.abc import Iterable, Mapping

import numpy as np
from numpy.typing import NDArray

from faceswap.evaluation.shape import RIGID, eye_distance

Array = NDArray[np.floating]
FrameKey = tuple[str, int]
"""Clip name and frame index."""
Triple = tuple[FrameKey, FrameKey, FrameKey]


def triples(frames: Iterable[FrameKey]) -> list[Triple]:
    """All runs of three consecutive frames of one clip."""
    present = set(frames)
    candidates = (((clip, n - 1), (clip, n), (clip, n + 1)) for clip, n in sorted(present))
    return [triple for triple in candidates if present.issuperset(triple)]


def jitter(before: Mapping[FrameKey, Array], after: Mapping[FrameKey, Array]) -> float | None:
    """Mean second temporal difference of nose and eye corners, output minus source.

    Points that move with the expression are excluded: a face with too little expression would
    appear less jittery.

    Args:
        before: Source landmarks by frame, ``(68, 2)`` in pixels.
        after: Output landmarks of the same frames.

    Returns:
        Per mille of the outer eye corner distance; None without three consecutive frames.
    """
    scales = {frame: eye_distance(points) for frame, points in before.items()}
    differences = [
        (_acceleration(after, triple) - _acceleration(before, triple)) / scales[triple[1]]
        for triple in triples(after)
    ]
    return 1000 * float(np.mean(differences)) if differences else None


def _acceleration(points: Mapping[FrameKey, Array], triple: Triple) -> float:
    a, b, c = (points[frame][RIGID] for frame in triple)
    return float(np.linalg.norm(a - 2 * b + c, axis=1).mean())


def flicker(before: Mapping[FrameKey, Array], after: Mapping[FrameKey, Array]) -> float | None:
    """Mean second temporal difference of a colour, output minus source.

    Args:
        before: Source colours by frame, ``(3,)`` L*, a*, b*.
        after: Output colours of the same frames.

    Returns:
        CIELAB distance (CIE76); None without three consecutive frames.
    """
    differences = [
        _colour_acceleration(after, triple) - _colour_acceleration(before, triple)
        for triple in triples(after)
    ]
    return float(np.mean(differences)) if differences else None


def _colour_acceleration(colours: Mapping[FrameKey, Array], triple: Triple) -> float:
    a, b, c = (colours[frame] for frame in triple)
    return float(np.linalg.norm(a - 2 * b + c))
