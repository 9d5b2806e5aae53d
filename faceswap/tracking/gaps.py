"""Fills short gaps of tracks: frames in which a face was lost between two in which it was found."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.tracks import TrackedFace, is_duplicate

T = TypeVar("T")

FILLED_GAP = 5
"""Frames of the longest gap that is filled by default."""


class GapFiller(Generic[T]):
    """Places faces in the frames in which their track was lost, between those around the gap.

    The landmarks of a filled face are interpolated linearly in time. No gap spans a cut, since
    all tracks end there. At most ``longest + 1`` frames are held at a time, and none while no face
    is lost.

    Args:
        longest: Frames of the longest gap that is filled; 0 changes nothing.
    """

    def __init__(self, longest: int = FILLED_GAP) -> None:
        self._longest = longest
        self._held: deque[tuple[T, list[TrackedFace]]] = deque()
        self._last: dict[int, tuple[int, TrackedFace]] = {}
        self._count = 0

    def add(self, item: T, faces: Sequence[TrackedFace]) -> Iterator[tuple[T, list[TrackedFace]]]:
        """Takes the faces of the next frame; yields the frames whose faces are final.

        Args:
            item: Value of any type that is passed through.
            faces: Faces of the frame.

        Yields:
            Frames in their order; filled faces are marked, and sorted in by track number.
        """
        index, self._count = self._count, self._count + 1
        self._held.append((item, list(faces)))
        for face in faces:
            before, first = self._last.get(face.track, (index, face))
            for distance in range(1, index - before):
                filled = _between(first, face, distance / (index - before))
                _insert(self._held[distance - (index - before) - 1][1], filled)
            self._last[face.track] = (index, face)
        self._last = {
            track: seen for track, seen in self._last.items() if index - seen[0] <= self._longest
        }
        missing = max((index - seen for seen, _ in self._last.values()), default=0)
        while len(self._held) > missing:
            yield self._held.popleft()

    def rest(self) -> Iterator[tuple[T, list[TrackedFace]]]:
        """Yields the frames that are still held, after the last one."""
        while self._held:
            yield self._held.popleft()


def fill_gaps(
    frames: Iterable[tuple[T, list[TrackedFace]]], longest: int = FILLED_GAP
) -> Iterator[tuple[T, list[TrackedFace]]]:
    """Fills the gaps of all frames in order; see ``GapFiller``.

    Args:
        frames: Faces of each frame, in order, with a value of any type that is passed through.
        longest: Frames of the longest gap that is filled; 0 changes nothing.

    Yields:
        The same in the same order; filled faces are marked, and sorted in by track number.
    """
    filler: GapFiller[T] = GapFiller(longest)
    for item, faces in frames:
        yield from filler.add(item, faces)
    yield from filler.rest()


def _insert(faces: list[TrackedFace], filled: TrackedFace) -> None:
    if is_duplicate(filled.box, [face.box for face in faces]):
        return  # a new track took over for a while
    faces.append(filled)
    faces.sort(key=lambda face: face.track)


def _between(before: TrackedFace, after: TrackedFace, time: float) -> TrackedFace:
    """The face of a lost frame, ``time`` in (0, 1) of the way from one found face to the next."""
    first, second = before.landmarks, after.landmarks
    mesh = None
    if first.mesh is not None and second.mesh is not None:
        mesh = _mix(first.mesh, second.mesh, time)
    landmarks = FaceLandmarks(_mix(first.points, second.points, time), mesh, presence=0.0)
    return TrackedFace(before.track, landmarks.box, before.score, landmarks, filled=True)


def _mix(
    first: NDArray[np.float32], second: NDArray[np.float32], time: float
) -> NDArray[np.float32]:
    return (first + time * (second - first)).astype(np.float32)
