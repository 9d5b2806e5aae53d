"""Which references show a face: distance, coverage, and paths through clips."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from faceswap.geometry.mesh_shape import LOWER_LIDS, LOWER_LIP, PUPILS, UPPER_LIDS, UPPER_LIP
from faceswap.geometry.similarity import without_roll

_BROWS = [105, 334, 66, 296, 70, 300, 55, 285]
_MOUTH = [61, 291, 78, 308, 0, 17, 84, 314, 152, 148, 377, 40, 270]
HALVES = (
    np.r_[UPPER_LIDS, LOWER_LIDS, PUPILS, _BROWS],
    np.r_[UPPER_LIP[::2], LOWER_LIP[::2], _MOUTH],
)
"""Points whose displacement describes the upper and the lower half of the face."""

# An open mouth, and more so a closed eye, is seen first; lids move by little.
_WEIGHTS = ((np.r_[UPPER_LIDS, LOWER_LIDS, PUPILS], 4.0), (np.r_[UPPER_LIP, LOWER_LIP], 2.0))
_TURN = 0.04  # face squares that an entry of the rotation matrix counts for
_CHANGE = 1.0  # cost of changing the reference, as a fraction of the distance of both
_TRANSITIONS = (1, 4)  # frames before and after a change over which it is spread: a blink is short
_ROWS = 4096


def descriptors(
    expression: NDArray[np.floating], rotation: NDArray[np.floating], half: int
) -> NDArray[np.float32]:
    """Vectors whose distance tells how well one face shows half of another.

    Args:
        expression: Displacements from the neutral mesh, ``(N, 478, 3)`` in face squares.
        rotation: Rotations of the head, ``(N, 3, 3)``.
        half: 0 for the upper, 1 for the lower half of the face.

    Returns:
        ``(N, D) float32`` in face squares.
    """
    points = HALVES[half]
    weights = np.full(len(points), 1 / np.sqrt(len(points)))
    for some, weight in _WEIGHTS:
        weights[np.isin(points, some)] *= weight
    shown = (expression[:, points] * weights[:, None]).reshape(len(expression), -1)
    turned = _TURN * without_roll(rotation).reshape(-1, 9)
    return np.concatenate([shown, turned], 1).astype(np.float32)


def describe_halves(
    expression: NDArray[np.floating], rotation: NDArray[np.floating]
) -> list[NDArray[np.float32]]:
    """The ``descriptors`` of both halves."""
    return [descriptors(expression, rotation, half) for half in range(len(HALVES))]


def distances(first: NDArray[np.float32], second: NDArray[np.float32]) -> NDArray[np.float32]:
    """Euclidean distances, ``(N, M)``, of ``(N, D)`` and ``(M, D)`` vectors."""
    squared = (first**2).sum(1)[:, None] + (second**2).sum(1)[None] - 2 * first @ second.T
    return np.sqrt(squared.clip(0))


def k_centres(vectors: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Vectors that cover all others: each is the farthest from those before it (Gonzalez, 1985).

    Args:
        vectors: ``(N, D)``.
        count: Number to choose; fewer if there are fewer.

    Returns:
        Their indices; the first is the most central vector.
    """
    chosen = [int(np.linalg.norm(vectors - np.median(vectors, 0), axis=1).argmin())]
    nearest = np.linalg.norm(vectors - vectors[chosen[0]], axis=1)
    nearest[chosen] = -1
    while len(chosen) < min(count, len(vectors)):
        chosen.append(int(nearest.argmax()))
        nearest = np.minimum(nearest, np.linalg.norm(vectors - vectors[chosen[-1]], axis=1))
        nearest[chosen] = -1
    return np.array(chosen, np.int64)


def cheapest_path(
    faces: NDArray[np.float32], references: NDArray[np.float32], previous: int | None = None
) -> NDArray[np.int64]:
    """Reference of each face of a clip: near to the face, and seldom changing (Viterbi, 1967).

    Args:
        faces: Descriptors of the faces, in order, ``(T, D)``.
        references: Descriptors of the references, ``(R, D)``.
        previous: Reference of the face before the first; None if there is none.

    Returns:
        ``(T,)`` indices of references.
    """
    change = _CHANGE * distances(references, references)
    best = distances(faces[:1], references)[0]
    if previous is not None:
        best += change[previous]
    back = np.zeros((len(faces), len(references)), np.int32)
    places = np.arange(len(references))
    for start in range(1, len(faces), _ROWS):
        costs = distances(faces[start : start + _ROWS], references)
        for frame, cost in enumerate(costs, start=start):
            total = best + change  # (to, from): the change is symmetric
            back[frame] = total.argmin(1)
            best = total[places, back[frame]] + cost
    path = np.empty(len(faces), np.int64)
    path[-1] = best.argmin()
    for frame in range(len(faces) - 1, 0, -1):
        path[frame - 1] = back[frame, path[frame]]
    return path


def crossfade(
    path: NDArray[np.int64], radius: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Two references of each frame, and their weights: changes become transitions.

    The references of a path alternate between the two slots, so that one stays in its slot as long
    as it has any weight.

    Args:
        path: Reference of each frame, ``(T,)``.
        radius: Frames before and after a change over which it is spread, fewer between changes that
            are close together; 0 for sudden changes.

    Returns:
        ``(T, 2)`` references and ``(T, 2) float32`` weights, which add up to 1.
    """
    starts = np.flatnonzero(np.r_[True, np.diff(path) != 0])
    lengths = np.diff(np.r_[starts, len(path)])
    run = np.repeat(np.arange(len(starts)), lengths)
    references = np.empty((len(path), 2), np.int64)
    weights = np.zeros((len(path), 2), np.float32)
    frames = np.arange(len(path))
    weights[frames, run % 2] = 1
    # The other slot holds the neighbouring reference that is nearer in time.
    later = frames - starts[run] >= lengths[run] // 2
    beside = np.where(later, run + 1, run - 1)
    beside = np.where(beside == len(starts), run - 1, np.where(beside < 0, run + 1, beside))
    beside = beside.clip(0, len(starts) - 1)
    references[frames, run % 2] = path
    references[frames, 1 - run % 2] = path[starts[beside]]
    for number in range(1, len(starts)):
        reach = min(radius, lengths[number - 1] // 2, lengths[number] // 2)
        around = np.arange(starts[number] - reach, starts[number] + reach)
        fraction = (around - starts[number] + reach + 1) / (2 * reach + 1)
        weights[around, number % 2] = fraction
        weights[around, 1 - number % 2] = 1 - fraction
    return references, weights


def plan_references(
    pieces: Iterable[Sequence[NDArray[np.float32]]], references: Sequence[NDArray[np.float32]]
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """References of each face of a clip and their weights, both halves of the face.

    Args:
        pieces: Descriptors of both halves of the faces, in order, ``(T, D)`` each. A piece is
            planned as a whole, knowing only the end of the one before.
        references: Descriptors of both halves of the references, ``(R, D)`` each.

    Returns:
        ``Guides.references`` and ``Guides.weights``, ``(N, SLOTS)`` each.
    """
    paths: list[list[NDArray[np.int64]]] = [[] for _ in HALVES]
    for piece in pieces:
        for path, faces, bank in zip(paths, piece, references, strict=True):
            path.append(cheapest_path(faces, bank, int(path[-1][-1]) if path else None))
    planned = [
        crossfade(np.concatenate(path), radius)
        for path, radius in zip(paths, _TRANSITIONS, strict=True)
    ]
    chosen, weights = zip(*planned, strict=True)
    return np.concatenate(chosen, 1), np.concatenate(weights, 1)
