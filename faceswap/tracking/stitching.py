"""One track number per face through a video whose segments were tracked apart from each other.

Two segments have both tracked the frames at their border. Tracks that were on the same face there
are one.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from faceswap.tracking.tracks import match


@dataclass(frozen=True)
class Sighting:
    """A face at the border of a segment.

    Attributes:
        frame: Index of the frame.
        track: Number of the track in the segment.
        box: Box, ``(4,) float32`` x0, y0, x1, y1 in frame pixels.
    """

    frame: int
    track: int
    box: NDArray[np.float32]

    def to_json(self) -> list[float]:
        """Frame, track and box as JSON values."""
        return [self.frame, self.track, *map(float, self.box)]

    @classmethod
    def from_json(cls, values: Sequence[float]) -> "Sighting":
        """The sighting that gave ``to_json``."""
        frame, track, *box = values
        return cls(int(frame), int(track), np.array(box, np.float32))


@dataclass(frozen=True)
class SegmentTracks:
    """The tracks of one segment, by numbers of its own.

    Attributes:
        tracks: Numbers of all tracks with a stored face.
        before: Faces in the frames that the segment before has as well.
        after: Faces in the frames that the segment after has as well.
    """

    tracks: frozenset[int] = frozenset()
    before: tuple[Sighting, ...] = field(default=())
    after: tuple[Sighting, ...] = field(default=())

    def numbers(self) -> list[int]:
        """Numbers of all tracks, ascending."""
        return sorted(self.tracks | {seen.track for seen in (*self.before, *self.after)})


def stitch(segments: Iterable[SegmentTracks]) -> list[dict[int, int]]:
    """Numbers the tracks of a whole video.

    Those of the first segment keep their numbers. A track of a later one gets the number of the
    track before it that was on the same face in most frames at their border, or a new one.

    Args:
        segments: Tracks of all segments of one video, in order.

    Returns:
        Number in the video of each track, for each segment.
    """
    numbered: list[dict[int, int]] = []
    next_number = 0
    earlier: tuple[Sighting, ...] = ()
    for segment in segments:
        numbers = {}
        if numbered:
            same = _same_faces(earlier, segment.before)
            numbers = {track: numbered[-1][before] for track, before in same.items()}
        for track in segment.numbers():
            if track not in numbers:
                numbers[track] = next_number if numbered else track
                next_number = max(next_number, numbers[track]) + 1
        numbered.append(numbers)
        earlier = segment.after
    return numbered


def _same_faces(earlier: Iterable[Sighting], later: Iterable[Sighting]) -> dict[int, int]:
    """Track of the later sightings -> track of the earlier ones on the same face."""
    votes: Counter[tuple[int, int]] = Counter()
    before = _by_frame(earlier)
    for frame, faces in _by_frame(later).items():
        known = before.get(frame, [])
        for here, there in match(faces, known).items():
            votes[faces[here].track, known[there].track] += 1
    same: dict[int, int] = {}
    for (here, there), _ in sorted(votes.items(), key=lambda vote: (-vote[1], vote[0])):
        if here not in same and there not in same.values():
            same[here] = there
    return same


def _by_frame(sightings: Iterable[Sighting]) -> dict[int, list[Sighting]]:
    frames: dict[int, list[Sighting]] = {}
    for seen in sightings:
        frames.setdefault(seen.frame, []).append(seen)
    return frames
