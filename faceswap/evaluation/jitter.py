"""Temporal jitter of landmarks and flicker of colour, relative to the source.

Both use the second temporal difference, which is zero for uniform motion and uniform brightness
changes.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.evaluation.consecutive import FrameKey, consecutive
from faceswap.geometry.expression import eye_distance
from faceswap.geometry.mesh_shape import CORNERS

Array = NDArray[np.floating]

_STILL = 1e-6  # outer eye corner distances


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
    found = _mean_accelerations(before, after)
    return 1000 * (found[1] - found[0]) if found is not None else None


def jitter_ratio(before: Mapping[FrameKey, Array], after: Mapping[FrameKey, Array]) -> float | None:
    """Mean second temporal difference of nose and eye corners, output over source.

    Args:
        before: Source landmarks by frame, ``(68, 2)`` in pixels.
        after: Output landmarks of the same frames.

    Returns:
        The ratio; None without three consecutive frames or when the source does not accelerate.
    """
    found = _mean_accelerations(before, after)
    return found[1] / found[0] if found is not None and found[0] > _STILL else None


def _mean_accelerations(
    before: Mapping[FrameKey, Array], after: Mapping[FrameKey, Array]
) -> tuple[float, float] | None:
    """Mean acceleration of source and output, in outer eye corner distances of the source."""
    found = consecutive(after, 3)
    if not found:
        return None
    scales = [eye_distance(before[frames[1]]) for frames in found]
    first, second = (
        [_acceleration(points, frames) / scale for frames, scale in zip(found, scales, strict=True)]
        for points in (before, after)
    )
    return float(np.mean(first)), float(np.mean(second))


def _acceleration(points: Mapping[FrameKey, Array], frames: Sequence[FrameKey]) -> float:
    a, b, c = (points[frame][CORNERS] for frame in frames)
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
        _colour_acceleration(after, frames) - _colour_acceleration(before, frames)
        for frames in consecutive(after, 3)
    ]
    return float(np.mean(differences)) if differences else None


def _colour_acceleration(colours: Mapping[FrameKey, Array], frames: Sequence[FrameKey]) -> float:
    a, b, c = (colours[frame] for frame in frames)
    return float(np.linalg.norm(a - 2 * b + c))
