"""Landmarks made steady in time, with a short look ahead."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.tracker import TrackedFace

T = TypeVar("T")

# As shares of the face's size: by how much a network's points tremble, beyond which they moved.
_TREMBLE = 0.006


def smooth(
    frames: Iterable[tuple[T, list[TrackedFace]]], radius: int = 2
) -> Iterator[tuple[T, list[TrackedFace]]]:
    """Takes the tremble out of each track and leaves its movements.

    Each point is drawn towards the middle between where it was and where it will be, one to
    `radius` frames away. Steady movement has its middle where the point is, so it passes
    unchanged. A middle that lies far off means that the movement itself turned (a blink, a start):
    such a pair counts for nothing (the range weight of a bilateral filter).

    Args:
        frames: Anything with the faces of one frame, in order. At most ``2 * radius + 1`` of them
            are held at a time.
        radius: Frames looked at on either side; 0 changes nothing.

    Yields:
        The same in the same order. Frames at the start and end of a track have fewer pairs around
        them, its first and last none: they stay as they are.
    """
    window: deque[tuple[T, list[TrackedFace]]] = deque(maxlen=2 * radius + 1)
    waiting = 0
    for entry in frames:
        window.append(entry)
        waiting += 1
        if waiting > radius:
            yield _smoothed(window, len(window) - 1 - radius)
            waiting -= 1
    for place in range(len(window) - waiting, len(window)):
        yield _smoothed(window, place)


def _smoothed(
    window: Sequence[tuple[T, list[TrackedFace]]], place: int
) -> tuple[T, list[TrackedFace]]:
    item, faces = window[place]
    by_track = [{face.track: face for face in entry} for _, entry in window]
    reach = min(place, len(window) - 1 - place)
    steady = []
    for face in faces:
        pairs = []
        for distance in range(1, reach + 1):
            before = by_track[place - distance].get(face.track)
            after = by_track[place + distance].get(face.track)
            if before is None or after is None:
                break
            pairs.append((before, after))
        steady.append(_steadied(face, pairs))
    return item, steady


def _steadied(face: TrackedFace, pairs: Sequence[tuple[TrackedFace, TrackedFace]]) -> TrackedFace:
    if not pairs:
        return face
    here = face.landmarks
    size = float(np.linalg.norm(face.box[2:] - face.box[:2]))
    points = _towards_middles(
        here.points, [(a.landmarks.points, b.landmarks.points) for a, b in pairs], size
    )
    mesh = here.mesh
    if mesh is not None:
        meshes = [(a.landmarks.dense_mesh(), b.landmarks.dense_mesh()) for a, b in pairs]
        mesh = _towards_middles(mesh, meshes, size)
    landmarks = FaceLandmarks(points, mesh, here.presence)
    return replace(face, landmarks=landmarks, box=landmarks.box)


def _towards_middles(
    points: NDArray[np.float32],
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
    size: float,
) -> NDArray[np.float32]:
    """(N, D) points drawn towards the middles of the pairs around them, nearest pair first."""
    shift = np.zeros(points.shape, np.float64)
    total = np.ones((len(points), 1))
    for distance, (before, after) in enumerate(pairs, start=1):
        away = (before.astype(np.float64) + after) / 2 - points
        off = np.linalg.norm(away[:, :2], axis=1, keepdims=True) / (size * _TREMBLE)
        near_in_time = np.exp(-0.5 * (distance / len(pairs)) ** 2)
        # A pair is two frames, so it weighs as much as two.
        weight = 2 * near_in_time * np.exp(-0.5 * off**2)
        shift += weight * away
        total += weight
    return (points + shift / total).astype(np.float32)
