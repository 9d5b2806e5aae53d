"""Target identities of faces that come frame by frame: of photos, and of tracks known before."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from faceswap.conversion.assignment import Assignment, SeenTrack
from faceswap.conversion.faces import FramesWithFaces, SourceFace, kept_faces
from faceswap.conversion.seen_tracks import seen_tracks
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import head_pose
from faceswap.media.frame import Frame
from faceswap.media.sources import Source

Found = Iterable[tuple[Frame, Sequence[SourceFace]]]
"""Frames with faces that have no target identity yet."""

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
        people = {(face.frame, face.track): face.person for face in faceset.faces()}
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

    Args:
        found: Frames with their faces.
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
    stored = faceset.rows["track"].to_pylist()
    whole = {old: to[new] for old, new in zip(stored, tracks.tolist(), strict=True) if new in to}
    return ((frame, _assigned(faces, whole)) for frame, faces in found)


def _assigned(faces: Sequence[SourceFace], to: Mapping[int, str]) -> list[SourceFace]:
    return [replace(face, to=to[face.track]) for face in faces if face.track in to]
