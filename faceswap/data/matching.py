"""Which faces of two people show the same pose and expression.

Frames of two people never correspond, but some are alike. Drawn into the same slot of a batch, they
say what one person's face should look like as the other: without that an encoder may well describe
the expressions of two people in two languages, and each decoder understands but one.
"""

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.alignment import crop_matrix, transform_points

_INNER = slice(17, 68)  # brows, nose, eyes, mouth, iBUG order
_EXPRESSIVE = slice(36 - 17, 68 - 17)  # eyes and mouth among the inner ones
_EXPRESSIVE_WEIGHT = 2.0
_DISTANCES = 4_000_000  # held at once
_TWINS = 3  # from which one is drawn, so that the same few faces do not come again and again


def movement(landmarks: Sequence[ArrayLike]) -> NDArray[np.float32]:
    """How the faces of one person differ from that person's mean face.

    Args:
        landmarks: ``(68, 2)`` each, in pixels of any frame.

    Returns:
        ``(N, 102)``: displacements of the inner landmarks in face squares, eyes and mouth weighted
        twice. The turn of the head moves them as well, so that it counts too.
    """
    placed = np.stack(
        [transform_points(crop_matrix(points, 2, 2.0), points)[_INNER] for points in landmarks]
    )
    moved = placed - placed.mean(0)
    moved[:, _EXPRESSIVE] *= _EXPRESSIVE_WEIGHT
    return moved.reshape(len(moved), -1).astype(np.float32)


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
    movements: Mapping[str, NDArray[np.float32]],
) -> dict[tuple[str, str], NDArray[np.int64]]:
    """For each pair of people, the faces of the second that are most like each of the first's.

    Args:
        movements: ``(N, D)`` of each person, from ``movement``.

    Returns:
        ``(N, k)`` places among the second's faces.
    """
    return {
        (first, second): nearest(movements[first], movements[second], _TWINS)
        for first, second in permutations(movements, 2)
    }
