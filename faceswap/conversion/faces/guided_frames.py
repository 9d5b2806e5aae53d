"""Guides the faces of frames that are read once: photos, and frames in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import torch

from faceswap.conversion.faces.guidance import FEWEST_FACES, Guidance, Neutral
from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace
from faceswap.media.frame import Frame
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.reference_choice import HALVES

_WINDOW = 48  # frames whose guides are planned together
_AROUND = 16  # frames before and after them that are planned too, so that windows agree


def guide_photos(found: FramesWithFaces, guidance: Callable[[str], Guidance]) -> FramesWithFaces:
    """Guides the faces of independent frames.

    Args:
        found: Frames with their faces, each of which has a target identity.
        guidance: Callback that gives the guidance of a target identity.
    """
    for frame, faces in found:
        yield frame, [one for face in faces for one in guidance(face.to).guide_photo([face])]


def guide_windows(found: FramesWithFaces, guidance: Guidance) -> FramesWithFaces:
    """Guides the faces of consecutive frames window by window, holding a few dozen frames.

    The neutral mesh of a track is that of its faces up to the first window with enough of them.

    Args:
        found: Consecutive frames with their faces.
        guidance: Guidance of the target identity.
    """
    tracks: dict[int, _Track] = {}
    shown: dict[int, Guides] = {}  # of the last face of each track
    before: list[Sequence[SourceFace]] = []
    waiting: list[tuple[Frame, Sequence[SourceFace]]] = []
    frames = iter(found)
    while True:
        read = list(islice(frames, _WINDOW + _AROUND - len(waiting)))
        waiting += read
        if not waiting:
            return
        clip = [*before, *(faces for _, faces in waiting)]
        tracks = _current_tracks(tracks, clip, [faces for _, faces in read], guidance)
        guided = _guide_clip(clip, guidance, tracks, len(before), shown)
        # After the last window nothing follows.
        end = _WINDOW if len(waiting) == _WINDOW + _AROUND else len(waiting)
        for (frame, _), faces in zip(waiting[:end], guided, strict=False):
            shown |= {face.track: face.guides for face in faces if face.guides is not None}
            yield frame, faces
        shown = {track: guides for track, guides in shown.items() if track in tracks}
        before = [*before, *(faces for _, faces in waiting[:end])][-_AROUND:]
        del waiting[:end]


class _Track(NamedTuple):
    """What is known of a track.

    Attributes:
        neutral: Neutral mesh of the person.
        faces: The faces from which it was computed.
    """

    neutral: Neutral
    faces: list[SourceFace]


def _current_tracks(
    known: Mapping[int, _Track],
    clip: Sequence[Sequence[SourceFace]],
    read: Sequence[Sequence[SourceFace]],
    guidance: Guidance,
) -> dict[int, _Track]:
    """The tracks of a window and of the frames around it.

    Args:
        known: Those of the last window; tracks that have ended are left out.
        clip: Faces of each frame.
        read: Those of the frames that no earlier window had.
        guidance: Guidance of the target identity.
    """
    new = _by_track(face for faces in read for face in faces)
    tracks: dict[int, _Track] = {}
    for track in _by_track(face for faces in clip for face in faces):
        earlier, more = known.get(track), new.get(track, [])
        if earlier is not None and not (more and len(earlier.faces) < FEWEST_FACES):
            tracks[track] = earlier
            continue
        faces = [*(earlier.faces if earlier else ()), *more]
        tracks[track] = _Track(guidance.neutral_of_faces(faces), faces)
    return tracks


def _by_track(faces: Iterable[SourceFace]) -> dict[int, list[SourceFace]]:
    tracks: dict[int, list[SourceFace]] = {}
    for face in faces:
        tracks.setdefault(face.track, []).append(face)
    return tracks


def _guide_clip(
    clip: Sequence[Sequence[SourceFace]],
    guidance: Guidance,
    known: Mapping[int, _Track],
    done: int,
    shown: Mapping[int, Guides],
) -> list[list[SourceFace]]:
    """Guides the faces of each frame but the first ones, which were guided before.

    Args:
        clip: Faces of each frame.
        guidance: Guidance of the target identity.
        known: The tracks.
        done: Number of the first ones.
        shown: Guides of the last face of each track in them.
    """
    guided: list[list[SourceFace]] = [[] for _ in clip]
    tracks: dict[int, list[tuple[int, SourceFace]]] = {}
    for place, faces in enumerate(clip):
        for face in faces:
            tracks.setdefault(face.track, []).append((place, face))
    for track, members in tracks.items():
        planned = guidance.guide_track([face for _, face in members], known[track].neutral)
        earlier = [face for (place, _), face in zip(members, planned, strict=True) if place < done]
        if earlier and track in shown:
            planned = _in_slots_of(planned, earlier[-1], shown[track])
        for (place, _), face in zip(members, planned, strict=True):
            guided[place].append(face)
    return guided[done:]


def _in_slots_of(
    planned: Sequence[SourceFace], again: SourceFace, shown: Guides
) -> list[SourceFace]:
    """Faces with their references in the slots in which they were shown.

    Each plan begins with the first slot, and a decoder does not see all slots alike.

    Args:
        planned: Faces of a track.
        again: The one of them that was shown last.
        shown: The guides with which it was shown.
    """
    assert again.guides is not None
    slots = torch.arange(SLOTS).view(len(HALVES), -1)
    for half in slots:
        first, second = half[again.guides.weights[half].argsort(descending=True)].tolist()
        held = int(half[shown.weights[half].argmax()])
        if held == second and shown.references[held] == again.guides.references[first]:
            half.copy_(half.flip(0))
    order = slots.flatten()
    moved = []
    for face in planned:
        assert face.guides is not None
        shape, references, weights = face.guides
        moved.append(replace(face, guides=Guides(shape, references[order], weights[order])))
    return moved
