"""Which faces of two people show the same pose and expression.

Frames of two people never correspond, but some are alike. Drawn into the same slot of a batch, they
say what one person's face should look like as the other: without that an encoder may well describe
the expressions of two people in two languages, and each decoder understands but one.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.geometry.landmarks68 import INNER, LEFT_EYE, lid_gap, mouth_gap

_EXPRESSIVE = slice(LEFT_EYE.start - INNER.start, None)  # eyes and mouth among the inner ones
_EXPRESSIVE_WEIGHT = 2.0
_OPENING_WEIGHT = 8.0  # an open mouth or a closed eye is what is seen first
_AT_REST = 0.2  # share of the faces, those with the mouth most closed
_PERSONAL = 0.5  # of a face at rest is taken for the person's, the other half for expression
_DISTANCES = 4_000_000  # held at once
_TWINS = 3  # from which one is drawn, so that the same few faces do not come again and again


def expressions(landmarks: Sequence[ArrayLike]) -> NDArray[np.float32]:
    """What the faces of one person show, in numbers that can be compared with another person's.

    Half of the person's face at rest is taken off. Without that a person with a wide mouth would
    be matched to a smile. But to take off all of it, or the person's mean face, would bring a
    person who talks through all the footage together with the closed mouth of one who is silent.

    Args:
        landmarks: ``(68, 2)`` each, in pixels of any frame.

    Returns:
        ``(N, 104)``: places of the inner landmarks in face squares, eyes and mouth weighted twice,
        and how far mouth and eyes are open. The turn of the head moves the landmarks as well, so
        that it counts too.
    """
    placed = np.stack(
        [transform_points(crop_matrix(points, 2, 2.0), points) for points in landmarks]
    )
    mouth, eyes = mouth_gap(placed), lid_gap(placed)
    closed = np.argsort(mouth, kind="stable")[: max(1, round(_AT_REST * len(placed)))]
    inner = placed[:, INNER]
    shown = inner - _PERSONAL * inner[closed].mean(0)
    shown[:, _EXPRESSIVE] *= _EXPRESSIVE_WEIGHT
    # Closed lips are the same for all; eyes at rest are open, each person's more or less.
    openings = _OPENING_WEIGHT * np.stack([mouth, eyes - np.median(eyes)], 1)
    return np.concatenate([shown.reshape(len(shown), -1), openings], 1).astype(np.float32)


def nearest(
    queries: NDArray[np.float32], pool: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """The most similar entries of a pool.

    Args:
        queries: ``(N, D)``.
        pool: ``(M, D)``.
        count: How many for each; fewer if the pool is smaller.

    Returns:
        ``(N, count)`` positions in the pool, the nearest first.
    """
    count = min(count, len(pool))
    power = np.square(pool).sum(1)
    found = []
    rows = max(1, _DISTANCES // len(pool))
    for start in range(0, len(queries), rows):
        some = queries[start : start + rows]
        distance = power - 2 * some @ pool.T  # without the query's own power, alike in a row
        near = np.argpartition(distance, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distance, near, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(near, order, 1))
    return np.concatenate(found).astype(np.int64)


def find_twins(
    shown: Mapping[str, NDArray[np.float32]],
) -> dict[tuple[str, str], NDArray[np.int64]]:
    """For each pair of people, the faces of the second that are most like each of the first's.

    Args:
        shown: ``(N, D)`` of each person, from ``expressions``.

    Returns:
        ``(N, k)`` places among the second's faces.
    """
    return {
        (first, second): nearest(shown[first], shown[second], _TWINS)
        for first, second in permutations(shown, 2)
    }
