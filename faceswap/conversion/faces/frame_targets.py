"""Target identities of the faces of photos, decided for each photo independently."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from faceswap.conversion.faces.assignment import Assignment, SeenTrack
from faceswap.conversion.faces.source_faces import FramesWithFaces, SourceFace
from faceswap.facesets.faceset import Faceset
from faceswap.geometry.alignment import head_pose
from faceswap.media.frame import Frame

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


def _assigned(faces: Sequence[SourceFace], to: Mapping[int, str]) -> list[SourceFace]:
    return [replace(face, to=to[face.track]) for face in faces if face.track in to]
