"""Coverage: which faces of one person have no counterpart among those of another.

A face has a counterpart in pose if a face of the other is turned nearly as it is, and in expression
or light if one of those in about the same pose has nearly its expression or its light.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

KINDS = ("pose", "expression", "light")
"""What a face can lack a counterpart in."""
POSE_TOLERANCE = 10.0
"""Degrees of turn that a counterpart in pose may differ by."""

_BESIDE = 15.0  # degrees within which faces are in about the same pose
# Differences that are plainly visible, in the order of ``EXPRESSION``.
_EXPRESSION = np.array([0.05, 0.05, 0.04, 0.035, 0.35], np.float32)
_LIGHT = np.array([0.6, 0.9, 1.0], np.float32)  # stops; chins are darker anyway
_DISTANCES = 2_000_000  # at a time
_GROUPED_AT_MOST = 3000
_FEWEST = 0.003  # of the faces: smaller groups are not worth filming for
_BESIDES = 0.1  # weight of the expression among counterparts in pose and light that are as near
_RADIUS = 1.5  # tolerances


@dataclass(frozen=True)
class Appearance:
    """Pose, expression and light of the faces of one person.

    Attributes:
        pose: Yaw and pitch, ``(N, 2)`` in degrees.
        expression: ``facial_expression.facial_expressions``, ``(N, 5)``.
        light: Slopes of the light towards image right and upwards, and brightness relative to the
            person's median, ``(N, 3)`` in stops. Absolute brightness would compare skins.
    """

    pose: Array
    expression: Array
    light: Array

    def scaled(self, kind: str) -> Array:
        """The vectors of a kind in tolerances: 1 is the largest difference of counterparts."""
        return {
            "pose": self.pose / POSE_TOLERANCE,
            "expression": self.expression / _EXPRESSION,
            "light": self.light / _LIGHT,
        }[kind].astype(np.float32)


@dataclass(frozen=True)
class Coverage:
    """Counterparts of the faces of A among those of B.

    Attributes:
        distances: By kind, distance of each face to the nearest one of B in tolerances, ``(N,)``.
        nearest: By kind, that face of B, or one about as near with a similar expression, ``(N,)``.
    """

    distances: Mapping[str, Array]
    nearest: Mapping[str, NDArray[np.int64]]

    def missing(self, kind: str) -> NDArray[np.bool_]:
        """Faces without a counterpart in a kind, ``(N,)``; in pose before all others."""
        far = self.distances[kind] > 1
        return far if kind == "pose" else far & ~self.missing("pose")

    @property
    def covered(self) -> NDArray[np.bool_]:
        """Faces that have a counterpart in every kind, ``(N,)``."""
        return ~np.any([self.missing(kind) for kind in KINDS], axis=0)


@dataclass(frozen=True)
class Gap:
    """Similar faces of A without a counterpart in B.

    Attributes:
        kind: Kind of the missing counterpart.
        faces: The faces, the most typical one first.
        nearest: Nearest face of B of each.
        distance: Typical distance to it, in tolerances.
    """

    kind: str
    faces: NDArray[np.int64]
    nearest: NDArray[np.int64]
    distance: float

    @property
    def weight(self) -> float:
        """How much the gap matters: many faces, far from any counterpart."""
        return len(self.faces) * self.distance

    def joined(self, other: "Gap") -> "Gap":
        """This gap and another one of the same kind as one."""
        faces = np.concatenate([self.faces, other.faces])
        nearest = np.concatenate([self.nearest, other.nearest])
        return Gap(self.kind, faces, nearest, (self.weight + other.weight) / len(faces))


def compare(
    first: Appearance, second: Appearance, on_faces: Callable[[int], object] = lambda _count: None
) -> Coverage:
    """Finds the counterparts of faces.

    Args:
        first: Faces of A, whose counterparts are looked for; at least one.
        second: Faces of B; at least one.
        on_faces: Called with the number of faces of A just compared.
    """
    pairs = {kind: (first.scaled(kind), second.scaled(kind)) for kind in KINDS}
    distances: dict[str, list[Array]] = {kind: [] for kind in KINDS}
    nearest: dict[str, list[NDArray[np.int64]]] = {kind: [] for kind in KINDS}
    rows = max(1, _DISTANCES // len(second.pose))
    for start in range(0, len(first.pose), rows):
        some = slice(start, start + rows)
        squared = {kind: _squared(here[some], there) for kind, (here, there) in pairs.items()}
        least = squared["pose"].min(1, keepdims=True)
        beside = squared["pose"] <= np.maximum(least, (_BESIDE / POSE_TOLERANCE) ** 2)
        for kind, values in squared.items():
            among = values if kind == "pose" else np.where(beside, values, np.inf)
            distances[kind].append(np.sqrt(among.min(1)))
            nearest[kind].append((among + _BESIDES * squared["expression"]).argmin(1))
        on_faces(len(least))
    return Coverage(
        {kind: np.concatenate(found) for kind, found in distances.items()},
        {kind: np.concatenate(found) for kind, found in nearest.items()},
    )


def _squared(first: Array, second: Array) -> Array:
    """Squared distances, ``(N, M)``; few dimensions, so that differences are exact and cheap."""
    total = np.zeros((len(first), len(second)), np.float32)
    for here, there in zip(first.T, second.T, strict=True):
        total += np.square(here[:, None] - there)
    return total


def find_gaps(first: Appearance, coverage: Coverage, count: int) -> list[Gap]:
    """Groups similar faces that have no counterpart.

    Args:
        first: Faces of A.
        coverage: Their counterparts in B.
        count: Largest number of groups.

    Returns:
        The groups that matter most: many faces, far from any counterpart.
    """
    gaps = []
    for kind in KINDS:
        missing = np.flatnonzero(coverage.missing(kind))
        far = coverage.distances[kind][missing]
        # Faces of one group also share the pose, roughly: it is part of what to film.
        vectors = first.scaled(kind)[missing]
        if kind != "pose":
            vectors = np.c_[vectors, first.scaled("pose")[missing] / 2]
        for group in dense_groups(vectors, far, count, _RADIUS):
            chosen = missing[group]
            nearest = coverage.nearest[kind][chosen]
            gaps.append(Gap(kind, chosen, nearest, float(np.median(far[group]))))
    fewest = _FEWEST * len(first.pose)
    gaps = [gap for gap in gaps if len(gap.faces) >= fewest]
    return sorted(gaps, key=lambda gap: -gap.weight)[:count]


def dense_groups(
    vectors: Array, weights: Array, count: int, radius: float
) -> list[NDArray[np.int64]]:
    """Groups of points around those with the most weight beside them, the heaviest first.

    Args:
        vectors: Points, ``(N, D)``.
        weights: Weight of each point, ``(N,)``.
        count: Largest number of groups.
        radius: Radius of a group.

    Returns:
        Indices of the points of each group, its centre first. Groups have no point in common.
    """
    # Some of the points are enough to find centres.
    sample = np.arange(len(vectors))[:: max(1, -(-len(vectors) // _GROUPED_AT_MOST))]
    near = _squared(vectors[sample], vectors[sample]) <= radius**2
    left, free = np.ones(len(sample), np.bool_), np.ones(len(vectors), np.bool_)
    groups: list[NDArray[np.int64]] = []
    while len(groups) < count and left.any():
        load = near @ (weights[sample] * left)
        centre = int(np.where(left, load, -1).argmax())
        left &= ~near[centre]
        apart = np.square(vectors - vectors[sample[centre]]).sum(1)
        members = np.flatnonzero(free & (apart <= radius**2))
        free[members] = False
        groups.append(members[np.argsort(apart[members], kind="stable")])
    return groups
