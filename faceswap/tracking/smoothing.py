"""Temporal smoothing of landmarks, with a short look-ahead."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.tracks import TrackedFace

T = TypeVar("T")

# Jitter of a network's points as a fraction of the face's diagonal; larger shifts are movement.
_JITTER = 0.006


def smooth(
    frames: Iterable[tuple[T, list[TrackedFace]]], radius: int = 2
) -> Iterator[tuple[T, list[TrackedFace]]]:
    """Removes jitter from each track and keeps its movements.

    Each point is moved towards the midpoints of its positions before and after, one to ``radius``
    frames away. Uniform motion passes unchanged, since the midpoint is where the point is. A
    distant midpoint means that the motion itself changed (a blink, a start), and its weight
    vanishes: the range weight of a bilateral filter.

    Args:
        frames: Faces of each frame, in order, with a value of any type that is passed through. At
            most ``2 * radius + 1`` frames are held at a time.
        radius: Frames used on either side; 0 changes nothing.

    Yields:
        The same in the same order. Frames near the start and end of a track have fewer neighbours
        on one side and are smoothed less; the first and last stay as they are.
    """
    window: deque[tuple[T, list[TrackedFace]]] = deque(maxlen=2 * radius + 1)
    waiting = 0
    for entry in frames:
        window.append(entry)
        waiting += 1
        if waiting > radius:
            yield _smooth_frame(window, len(window) - 1 - radius)
            waiting -= 1
    for place in range(len(window) - waiting, len(window)):
        yield _smooth_frame(window, place)


def _smooth_frame(
    window: Sequence[tuple[T, list[TrackedFace]]], place: int
) -> tuple[T, list[TrackedFace]]:
    item, faces = window[place]
    by_track = [{face.track: face for face in entry} for _, entry in window]
    reach = min(place, len(window) - 1 - place)
    smoothed = []
    for face in faces:
        pairs = []
        for distance in range(1, reach + 1):
            before = by_track[place - distance].get(face.track)
            after = by_track[place + distance].get(face.track)
            if before is None or after is None:
                break
            pairs.append((before, after))
        smoothed.append(_smooth_face(face, pairs))
    return item, smoothed


def _smooth_face(
    face: TrackedFace, pairs: Sequence[tuple[TrackedFace, TrackedFace]]
) -> TrackedFace:
    if not pairs:
        return face
    here = face.landmarks
    size = float(np.linalg.norm(face.box[2:] - face.box[:2]))
    points = _towards_midpoints(
        here.points, [(a.landmarks.points, b.landmarks.points) for a, b in pairs], size
    )
    mesh = here.mesh
    if mesh is not None:
        meshes = [(a.landmarks.dense_mesh(), b.landmarks.dense_mesh()) for a, b in pairs]
        mesh = _towards_midpoints(mesh, meshes, size)
    landmarks = FaceLandmarks(points, mesh, here.presence)
    return replace(face, landmarks=landmarks, box=landmarks.box)


def _towards_midpoints(
    points: NDArray[np.float32],
    pairs: Sequence[tuple[NDArray[np.float32], NDArray[np.float32]]],
    size: float,
) -> NDArray[np.float32]:
    """Moves (N, D) points towards the midpoints of the pairs around them, nearest pair first."""
    shift = np.zeros(points.shape, np.float64)
    total = np.ones((len(points), 1))
    for distance, (before, after) in enumerate(pairs, start=1):
        away = (before.astype(np.float64) + after) / 2 - points
        off = np.linalg.norm(away[:, :2], axis=1, keepdims=True) / (size * _JITTER)
        near_in_time = np.exp(-0.5 * (distance / len(pairs)) ** 2)
        # A pair is two frames, so it has the weight of two.
        weight = 2 * near_in_time * np.exp(-0.5 * off**2)
        shift += weight * away
        total += weight
    return (points + shift / total).astype(np.float32)
