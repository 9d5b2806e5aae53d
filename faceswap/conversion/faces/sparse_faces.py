"""The faces of all frames of a video, where a faceset has only every n-th: others are tracked."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from faceswap.media.frame import Frame
from faceswap.tracking.tracks import TrackedFace, match

FramesWithTracks = Iterator[tuple[Frame, list[TrackedFace]]]

_LONGEST_HELD = 25  # frames: bounds memory where a faceset has few frames


def track_between(
    tracked: Iterable[tuple[Frame, list[TrackedFace]]],
    stored: Mapping[int, Sequence[TrackedFace]],
    every: int,
) -> FramesWithTracks:
    """Adds the tracked faces of the frames between those of a faceset.

    Faces of the faceset decide who is there: a tracked face is one of them, under the number of
    its track, if it coincides with one in a frame of the faceset before or after. All others are
    left out, such as those that the extraction excluded by their size.

    Args:
        tracked: All frames of a video, in order, with the faces of a tracker. Up to 25 are held
            while it is unknown whether a new face belongs to the faceset.
        stored: Faces of the faceset by frame index; frames without a face are absent.
        every: Step between the frames of the faceset, from frame 0.
    """
    tracks: dict[int, int] = {}  # number of the tracker -> track of the faceset
    held: list[tuple[Frame, list[TrackedFace]]] = []
    for frame, found in tracked:
        if frame.index % every == 0:
            faces = list(stored.get(frame.index, ()))
            lost = tracks.keys() - {face.track for face in found}
            tracks = {number: tracks[number] for number in lost} | _same_faces(found, faces)
            yield from _named(held, tracks)
            held.clear()
            yield frame, faces
            continue
        held.append((frame, found))
        if all(face.track in tracks for _, faces in held for face in faces):
            yield from _named(held, tracks)
            held.clear()
        elif len(held) > _LONGEST_HELD:
            yield from _named([held.pop(0)], tracks)
    yield from _named(held, tracks)


def _same_faces(found: Sequence[TrackedFace], stored: Sequence[TrackedFace]) -> dict[int, int]:
    """Tracks of the faceset by the numbers that the tracker gave to the same faces of a frame."""
    pairs = match(found, stored)
    return {found[first].track: stored[second].track for first, second in pairs.items()}


def _named(
    held: Iterable[tuple[Frame, list[TrackedFace]]], tracks: Mapping[int, int]
) -> FramesWithTracks:
    for frame, found in held:
        known = [face for face in found if face.track in tracks]
        yield frame, [replace(face, track=tracks[face.track]) for face in known]
