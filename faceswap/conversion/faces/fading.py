"""Faces that are lost within a shot: short gaps are bridged, and at longer ones faces fade.

A swapped face that ends from one frame to the next flashes. Where its track begins or ends within a
shot it fades in or out over a few frames; where it is found again soon at nearly the same place, it
stays; and a still face that is found a few frames after a cut is shown from the cut on. All of this
depends on the faces of the whole video and on its cuts, not on which part of it is converted.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.shots import Changes, Place
from faceswap.detectors.nms import overlaps
from faceswap.tracking.tracks import is_duplicate

LONGEST_GAP = 10
"""Frames of the longest gap that is bridged."""

_MOTION = 0.5  # face squares that landmarks may move on average while a face is lost
_GROWTH = 1.3  # factor by which its size may change
_LATE = 3  # frames after a cut at which a face is found that was there from the beginning
_STILL = 0.1  # face squares that its landmarks may move on average in as many frames
_SAME_PLACE = 0.4  # IoU of the faces around a gap from which they may be on different tracks

Run = NDArray[np.int64]
"""Positions of the faces of one track in consecutive frames."""
FindChanges = Callable[[Collection[int], Sequence[Place]], Changes]
"""Callback that tells which of some frames begin a shot, and which places have new content."""


@dataclass(frozen=True)
class OtherFaces:
    """Faces of a video that stay as they are, in the order of their frames.

    Attributes:
        frames: Index of the frame of each face, ``(N,)`` ascending.
        boxes: Box of its landmarks, ``(N, 4)`` x0, y0, x1, y1 in pixels.
    """

    frames: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    boxes: NDArray[np.float32] = field(default_factory=lambda: np.zeros((0, 4), np.float32))

    @classmethod
    def of(cls, frames: NDArray[np.int64], landmarks: NDArray[np.float32]) -> "OtherFaces":
        """Faces in any order, with landmarks68 ``(N, 68, 2)``."""
        order = np.argsort(frames, kind="stable")
        boxes = np.concatenate([landmarks.min(1), landmarks.max(1)], axis=1)
        return cls(frames[order], boxes[order])


@dataclass(frozen=True)
class FoundFaces:
    """Faces of a video that are swapped, in the order of their frames.

    Attributes:
        frames: Index of the frame of each face, ``(N,)`` ascending.
        tracks: Number of its track, ``(N,)``.
        to: Number of its target identity, ``(N,)``.
        landmarks: Landmarks68, ``(N, 68, 2)`` in pixels.
        sizes: Side of its face square in pixels, ``(N,)``.
        others: All other faces of the video: no swapped face is shown in their place.
    """

    frames: NDArray[np.int64]
    tracks: NDArray[np.int64]
    to: NDArray[np.int64]
    landmarks: NDArray[np.float32]
    sizes: NDArray[np.float32]
    others: OtherFaces = field(default_factory=OtherFaces)

    def box(self, face: int) -> NDArray[np.float32]:
        """Box of the landmarks of a face, ``(4,)`` x0, y0, x1, y1."""
        points = self.landmarks[face]
        return np.concatenate([points.min(0), points.max(0)])

    def boxes(self, frames: Sequence[int]) -> list[NDArray[np.float32]]:
        """Boxes of all faces in consecutive frames, at least one, whether swapped or not."""
        ends = [frames[0], frames[-1] + 1]
        swapped = range(*np.searchsorted(self.frames, ends).tolist())
        others = self.others.boxes[slice(*np.searchsorted(self.others.frames, ends))]
        return [*(self.box(face) for face in swapped), *others]

    def gap(self, before: int, after: int) -> range:
        """Frames between two faces."""
        return range(int(self.frames[before]) + 1, int(self.frames[after]))


@dataclass(frozen=True)
class ShownFaces:
    """Faces that are swapped, those in bridged gaps included, in the order of their frames.

    Each one lies between two faces that were found, or is one of them.

    Attributes:
        frames: Index of the frame of each face, ``(M,)`` ascending.
        before: Position of the first one among those that were found, ``(M,)``.
        after: Position of the second one, ``(M,)``.
        time: Fraction of the way from the first to the second, ``(M,)`` in [0, 1).
        opacity: Factor of its mask, ``(M,)`` in (0, 1].
    """

    frames: NDArray[np.int64]
    before: NDArray[np.int64]
    after: NDArray[np.int64]
    time: NDArray[np.float64]
    opacity: NDArray[np.float64]


def show_faces(
    faces: FoundFaces,
    find_changes: FindChanges,
    ends: tuple[int, int],
    fade: int,
    excluded: Collection[tuple[int, int]] = (),
) -> ShownFaces:
    """Bridges short gaps, and fades faces whose track begins or ends within a shot.

    Args:
        faces: The faces that were found.
        find_changes: Callback that compares frames of the video with those before them. Where the
            picture changes at once at the place of a face, which is covered or uncovered, the face
            does not fade: that would show what it replaces.
        ends: First frame of the clip, and the one after its last: nothing fades there.
        fade: Number of frames over which a face fades; 0 for none.
        excluded: Frame and track of faces that are not to be swapped; no gap spans them.
    """
    runs = _runs(faces)
    pairs = [pair for pair in _neighbours(faces, runs) if _is_bridgeable(faces, *pair, excluded)]
    edges = {int(faces.frames[run[0]]) - late for run in runs for late in range(_LATE + 1)}
    edges |= {int(faces.frames[run[-1]]) + 1 + late for run in runs for late in range(_LATE + 1)}
    inside = {frame for pair in pairs for frame in faces.gap(*pair)}
    first, end = ends
    places = [(int(faces.frames[run[0]]), faces.box(run[0])) for run in runs]
    places += [(int(faces.frames[run[-1]]) + 1, faces.box(run[-1])) for run in runs]
    changes = find_changes({frame for frame in edges | inside if first < frame < end}, places)
    cuts = changes.cuts | {*ends}
    begun_at_once = {int(run[0]) for number, run in enumerate(runs) if number in changes.places}
    ended_at_once = {
        int(run[-1]) for number, run in enumerate(runs, len(runs)) if number in changes.places
    }
    following: dict[int, int] = {}
    begun: set[int] = set()
    for before, after in pairs:
        # The face after a gap may begin a shot, too.
        spanned = {*faces.gap(before, after), int(faces.frames[after])}
        if before not in following and after not in begun and not spanned & cuts:
            following[before] = after
            begun.add(after)
    shown = []
    for chain in _chains(runs, following):
        found = np.concatenate(chain)
        lead = _extension(faces, found, -1, cuts, excluded)
        tail = _extension(faces, found[::-1], 1, cuts, excluded)
        fades = (
            found[0] not in begun_at_once and int(faces.frames[found[0]]) - lead not in cuts,
            found[-1] not in ended_at_once and int(faces.frames[found[-1]]) + tail + 1 not in cuts,
        )
        shown.append(_show_chain(faces, found, (lead, tail), fades, fade))
    return _in_order(shown)


def _runs(faces: FoundFaces) -> list[Run]:
    """Runs of all tracks, in the order of their first frames."""
    order = np.lexsort((faces.frames, faces.tracks))
    new = (np.diff(faces.frames[order]) != 1) | (np.diff(faces.tracks[order]) != 0)
    runs = [run for run in np.split(order, np.flatnonzero(new) + 1) if len(run)]
    return sorted(runs, key=lambda run: int(run[0]))


def _neighbours(faces: FoundFaces, runs: Sequence[Run]) -> Iterator[tuple[int, int]]:
    """Last face of a run and first face of one that follows soon; the most likely ones first."""
    starts = faces.frames[[run[0] for run in runs]]
    found = []
    for run in runs:
        last = int(run[-1])
        end = int(faces.frames[last])
        near = slice(*np.searchsorted(starts, [end + 1, end + LONGEST_GAP + 2]))
        for other in runs[near]:
            first = int(other[0])
            if faces.to[first] == faces.to[last]:
                moved = faces.tracks[first] != faces.tracks[last]
                found.append((moved, int(faces.frames[first]) - end, last, first))
    return ((last, first) for *_, last, first in sorted(found))


def _is_bridgeable(
    faces: FoundFaces, before: int, after: int, excluded: Collection[tuple[int, int]]
) -> bool:
    """Whether the motion allows to bridge a gap, and nobody else is there meanwhile."""
    first, second = faces.landmarks[before], faces.landmarks[after]
    sizes = faces.sizes[[before, after]]
    moved = np.linalg.norm(second - first, axis=1).mean()
    if moved > _MOTION * sizes.mean() or sizes.max() > _GROWTH * sizes.min():
        return False
    tracks = {int(faces.tracks[before]), int(faces.tracks[after])}
    place = faces.box(before)[None]
    if len(tracks) > 1 and overlaps(faces.box(after), place)[0] < _SAME_PLACE:
        return False
    gap = faces.gap(before, after)
    if any((frame, track) in excluded for frame in gap for track in tracks):
        return False
    return not _is_occupied(faces, before, gap)


def _chains(runs: Sequence[Run], following: dict[int, int]) -> list[list[Run]]:
    """Runs that are joined by bridged gaps."""
    by_first = {int(run[0]): run for run in runs}
    joined = {*following.values()}
    chains = []
    for run in runs:
        if int(run[0]) in joined:
            continue
        chain = [run]
        while (last := int(chain[-1][-1])) in following:
            chain.append(by_first[following[last]])
        chains.append(chain)
    return chains


def _extension(
    faces: FoundFaces,
    found: Run,
    step: int,
    cuts: Collection[int],
    excluded: Collection[tuple[int, int]],
) -> int:
    """Number of frames from the nearest cut to a still face; 0 if there is no cut nearby.

    Args:
        faces: The faces.
        found: Positions of the faces of a chain, from the end that is looked at.
        step: -1 to look before the chain, and 1 to look after it.
        cuts: Frames that begin a shot.
        excluded: Frame and track of faces that are not to be swapped.
    """
    frame, track = int(faces.frames[found[0]]), int(faces.tracks[found[0]])
    # A shot ends with the frame before a cut.
    border = frame + (step > 0)
    late = next((late for late in range(1, _LATE + 1) if border + step * late in cuts), 0)
    missing = [frame + step * (number + 1) for number in range(late)]
    if not late or len(found) <= late or any((each, track) in excluded for each in missing):
        return 0
    moved = np.linalg.norm(faces.landmarks[found[late]] - faces.landmarks[found[0]], axis=1).mean()
    is_still = moved <= _STILL * faces.sizes[found[0]]
    return late if is_still and not _is_occupied(faces, found[0], sorted(missing)) else 0


def _is_occupied(faces: FoundFaces, face: int, frames: Sequence[int]) -> bool:
    """Whether another face is at the place of a face in consecutive frames."""
    return bool(frames) and is_duplicate(faces.box(face), faces.boxes(frames))


def _show_chain(
    faces: FoundFaces, found: Run, extended: tuple[int, int], fades: tuple[bool, bool], fade: int
) -> ShownFaces:
    """The faces of a chain in all of its frames.

    Args:
        faces: The faces.
        found: Positions of the faces of the chain.
        extended: Number of frames by which it is extended before and after these.
        fades: Whether it fades in, and whether it fades out.
        fade: Number of frames over which a face fades; 0 for none.
    """
    known = faces.frames[found]
    frames = np.arange(known[0] - extended[0], known[-1] + extended[1] + 1)
    place = (np.searchsorted(known, frames, side="right") - 1).clip(0)
    beyond = frames - known[place]
    following = (place + (beyond > 0)).clip(max=len(found) - 1)
    before, after = found[place], found[following]
    time = beyond.clip(0) / np.maximum(known[following] - known[place], 1)
    time[following == place] = 0
    steps = np.arange(1, len(frames) + 1) / (fade + 1)
    opacity = np.ones(len(frames))
    if fades[0]:
        opacity = np.minimum(opacity, steps)
    if fades[1]:
        opacity = np.minimum(opacity, steps[::-1])
    return ShownFaces(frames, before, after, time, opacity)


def _in_order(shown: Sequence[ShownFaces]) -> ShownFaces:
    """Faces of all chains in the order of frames, and of the faces that were found."""
    if not shown:
        none = np.zeros(0, np.int64)
        return ShownFaces(none, none, none, np.zeros(0), np.zeros(0))
    frames, before, after, time, opacity = (
        np.concatenate([getattr(chain, field.name) for chain in shown])
        for field in fields(ShownFaces)
    )
    order = np.lexsort((before, frames))
    return ShownFaces(frames[order], before[order], after[order], time[order], opacity[order])
