"""Target identities of faces that come frame by frame: of photos, and of tracks known before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.assignment import Assignment, SeenTrack
from faceswap.conversion.faces.kept_faces import kept_faces
from faceswap.conversion.faces.seen_tracks import seen_tracks
from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import head_pose
from faceswap.media.frame import Frame
from faceswap.media.sources import Source
from faceswap.people.face_table import by_track

Found = Iterable[tuple[Frame, Sequence[SourceFace]]]
"""Frames with faces that have no target identity yet."""

_Parts = tuple[NDArray[np.floating], NDArray[np.int64]]
"""Times in frames halfway between the faces of a track, and the number of the part of each."""

_ONE_FRAME = np.zeros(1, np.int64)  # a face of a photo is a track of one frame


def assign_photos(
    found: Found, assignment: Assignment, faceset: Faceset | None = None
) -> FramesWithFaces:
    """Gives the faces of each photo their target identities, and leaves out those without one.

    Where people have to be recognised, each face is embedded.

    Args:
        found: Photos with their faces.
        assignment: Assignment of the source.
        faceset: Faceset of the photos, whose people have numbers or names; None without one.
    """
    people: Mapping[tuple[int, int], str | None] = {}
    if faceset is not None:
        columns = (faceset.rows[name].to_pylist() for name in ("frame", "track", "person"))
        people = {(frame, track): person for frame, track, person in zip(*columns, strict=True)}
    recognizer = assignment.targets.recognizer
    for frame, faces in found:
        embeddings = [None] * len(faces)
        if recognizer is not None and faces:
            image = frame.displayed()
            embeddings = recognizer([image] * len(faces), [face.landmarks for face in faces])
        width = frame.image.shape[1] * frame.pixel_aspect
        seen = [
            SeenTrack(
                face.track,
                _ONE_FRAME,
                head_pose(face.landmarks).scale,
                float(face.landmarks[:, 0].mean()) / width,
                people.get((frame.index, face.track)),
                embedding,
            )
            for face, embedding in zip(faces, embeddings, strict=True)
        ]
        yield frame, _assigned(faces, assignment.assign(seen))


def assign_tracks(
    found: Found, assignment: Assignment, faceset: Faceset, source: Source
) -> FramesWithFaces:
    """Gives the faces of a video their target identities, by the tracks of its faceset.

    Where a track changes person midway, a face belongs to the person who is nearest in time.

    Args:
        found: Frames with their faces, on the tracks of the faceset.
        assignment: Assignment of the video.
        faceset: Faceset of the video, of every n-th frame.
        source: The video.

    Raises:
        NoFacesError: No face is to be swapped.
    """
    recognizer = assignment.targets.recognizer
    tracks, seen = seen_tracks(faceset, source, kept_faces(faceset), recognizer)
    to = assignment.assign(seen)
    assignment.check()
    # Tracks that were split by person have other numbers than the faces between have.
    parts = _parts(faceset, tracks)
    single = (
        (frame, [replace(face, track=_part_at(parts[face.track], frame.index)) for face in faces])
        for frame, faces in found
    )
    return ((frame, _assigned(faces, to)) for frame, faces in single)


def _parts(faceset: Faceset, tracks: NDArray[np.int64]) -> dict[int, _Parts]:
    """Parts of the tracks of a faceset, by the numbers that its rows have.

    Args:
        faceset: Faceset of a video.
        tracks: Number of the track of one person that each face is on, ``(N,)``.
    """
    frames, stored = (faceset.rows[name].to_numpy() for name in ("frame", "track"))
    parts = {}
    for places in by_track(stored):
        ordered = places[np.argsort(frames[places], kind="stable")]
        known = frames[ordered].astype(np.int64)
        parts[int(stored[places[0]])] = (known[1:] + known[:-1]) / 2, tracks[ordered]
    return parts


def _part_at(parts: _Parts, frame: int) -> int:
    """Track of the face that is nearest in time."""
    borders, numbers = parts
    return int(numbers[np.searchsorted(borders, frame)])


def _assigned(faces: Sequence[SourceFace], to: Mapping[int, str]) -> list[SourceFace]:
    return [replace(face, to=to[face.track]) for face in faces if face.track in to]
