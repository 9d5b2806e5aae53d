"""Matched pairs: faces of two people with the same pose and expression.

Frames of two people do not correspond, but some are similar. In the same slot of a batch they are a
target for the swapped face. Without such pairs, the encoder may use different codes for the
expressions of the two people, each of which only one decoder can decode.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from faceswap.geometry.alignment import crop_matrix, transform_points
from faceswap.geometry.landmarks68 import INNER, LEFT_EYE, lid_gap, mouth_gap

_EXPRESSIVE = slice(LEFT_EYE.start - INNER.start, None)  # eyes and mouth among the inner ones
_EXPRESSIVE_WEIGHT = 2.0
_OPENING_WEIGHT = 8.0  # an open mouth or a closed eye is seen first
_DEGREES = 10.0  # of yaw or pitch that count 1
_AT_REST = 0.2  # fraction of the faces, those with the most closed mouths
_PERSONAL = 0.5  # fraction of the face at rest, and of the usual pose, that is the person's own
_FEW = 10  # faces of a person, so that half of what is usual is theirs and half the crowd's
_DISTANCES = 4_000_000  # in memory at a time
_CANDIDATES = 3  # to sample from, so that the same few faces are not repeated


def expressions(landmarks: Sequence[ArrayLike]) -> NDArray[np.float32]:
    """Descriptors of pose and expression that are comparable between people.

    Half of the person's face at rest is subtracted. Without that, a wide mouth would match a smile;
    subtracting all of it, or the mean face, would match the open mouth of someone who talks
    throughout the footage to the closed mouth of someone silent.

    Args:
        landmarks: Landmarks, ``(68, 2)`` each, in pixels of any frame.

    Returns:
        ``(N, 104) float32``: positions of the inner landmarks in face squares, with eyes and mouth
        weighted twice, and the openings of mouth and eyes. Head pose moves the landmarks and so
        contributes too.
    """
    placed = place_landmarks(landmarks)
    return describe_placed(placed, np.zeros(len(placed), np.int64))


def place_landmarks(landmarks: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """Landmarks in the upright face, ``(N, 68, 2)`` in face squares, with the centre at 0.5."""
    placed = [transform_points(crop_matrix(points, 2, 2.0), points) for points in landmarks]
    return np.stack(placed).astype(np.float64)


def describe_placed(placed: NDArray[np.float64], people: NDArray[np.int64]) -> NDArray[np.float32]:
    """Descriptors of landmarks, each relative to its person at rest; see ``expressions``.

    Args:
        placed: Landmarks, from ``place_landmarks``.
        people: Number of the person that each face is of, ``(N,)``.
    """
    mouth, eyes = mouth_gap(placed), lid_gap(placed)
    inner = placed[:, INNER]

    def at_rest(own: NDArray[np.int64]) -> NDArray[np.float64]:
        closed = np.argsort(mouth[own], kind="stable")[: max(1, round(_AT_REST * len(own)))]
        return inner[own][closed].mean(0)

    shown = inner - _PERSONAL * of_each_person(at_rest, people)
    shown[:, _EXPRESSIVE] *= _EXPRESSIVE_WEIGHT
    # Closed lips are the same for everyone; open eyes at rest differ between people.
    usual = of_each_person(lambda own: np.asarray(np.median(eyes[own])), people)
    openings = _OPENING_WEIGHT * np.stack([mouth, eyes - usual], 1)
    return np.concatenate([shown.reshape(len(shown), -1), openings], 1).astype(np.float32)


def of_each_person(
    measure: Callable[[NDArray[np.int64]], NDArray[np.floating]], people: NDArray[np.int64]
) -> NDArray[np.floating]:
    """What is usual for the person of each face.

    The fewer faces a person has, the less they say about what is usual for them: it is then mostly
    what is usual for everyone.

    Args:
        measure: Function from indices of faces to what is usual for them, ``(...)``.
        people: Number of the person that each face is of, ``(N,)``.

    Returns:
        ``(N, ...)``, or ``(1, ...)`` if all faces are of one person.
    """
    everyone = np.asarray(measure(np.arange(len(people))))
    numbers = np.unique(people)
    if len(numbers) == 1:
        return everyone[None]
    usual = np.empty((len(people), *everyone.shape))
    for number in numbers:
        own = np.flatnonzero(people == number)
        weight = len(own) / (len(own) + _FEW)
        usual[own] = weight * measure(own) + (1 - weight) * everyone
    return usual


def with_pose(
    shown: NDArray[np.float32],
    angles: NDArray[np.float32],
    people: NDArray[np.int64],
    weight: float,
) -> NDArray[np.float32]:
    """Descriptors to which the pose of the head is added.

    Landmarks know pose too, but a person's proportions hide it. Half of the usual pose of a person
    is subtracted, as of the expression: who has a short nose seems to look up, and where poses do
    not overlap, all faces of one would be matched to the same few of the other. The roll is left
    out, since training crops are upright.

    Args:
        shown: Descriptors, ``(N, D)``, from ``expressions``.
        angles: Yaw and pitch in degrees, ``(N, 2)``.
        people: Number of the person that each face is of, ``(N,)``.
        weight: Weight of pose: 1 makes ten degrees count as much as an opening of the mouth by an
            eighth of a face square; 0 leaves it out.
    """
    if weight == 0:
        return shown
    usual = of_each_person(lambda own: np.median(angles[own], axis=0), people)
    turned = (angles - _PERSONAL * usual) * (weight / _DEGREES)
    return np.concatenate([shown, turned.astype(np.float32)], 1)


def nearest(
    queries: NDArray[np.float32], pool: NDArray[np.float32], count: int
) -> NDArray[np.int64]:
    """Nearest neighbours by Euclidean distance.

    Args:
        queries: Query points, ``(N, D)``.
        pool: Candidate points, ``(M, D)``.
        count: Neighbours of each query; fewer if the pool is smaller.

    Returns:
        ``(N, count)`` indices into the pool, nearest first.
    """
    count = min(count, len(pool))
    power = np.square(pool).sum(1)
    found = []
    rows = max(1, _DISTANCES // len(pool))
    for start in range(0, len(queries), rows):
        some = queries[start : start + rows]
        distance = power - 2 * some @ pool.T  # up to a constant in each row
        near = np.argpartition(distance, count - 1, axis=1)[:, :count]
        order = np.argsort(np.take_along_axis(distance, near, 1), axis=1, kind="stable")
        found.append(np.take_along_axis(near, order, 1))
    return np.concatenate(found).astype(np.int64)


class Matches(Mapping[tuple[str, str], NDArray[np.int64]]):
    """Best matches of the faces of each ordered pair of identities, found when they are first used.

    Values are ``(N, k)`` indices into the second identity's faces for each face of the first.

    Args:
        shown: Descriptors of each identity, ``(N, D)``, from ``expressions`` or ``with_pose``.
        pools: Indices of the faces that may be matched, of identities of which not all may be.
    """

    def __init__(
        self,
        shown: Mapping[str, NDArray[np.float32]],
        pools: Mapping[str, NDArray[np.int64]] | None = None,
    ) -> None:
        self._shown, self._pools = shown, pools or {}
        self._found: dict[tuple[str, str], NDArray[np.int64]] = {}

    def __getitem__(self, pair: tuple[str, str]) -> NDArray[np.int64]:
        if pair not in self._found:
            first, second = pair
            pool = self._pools.get(second, np.arange(len(self._shown[second])))
            similar = nearest(self._shown[first], self._shown[second][pool], _CANDIDATES)
            self._found[pair] = pool[similar]
        return self._found[pair]

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return permutations(self._shown, 2)

    def __len__(self) -> int:
        return len(self._shown) * (len(self._shown) - 1)
