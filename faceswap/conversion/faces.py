"""The faces of the frames to convert: from a faceset, or found on the fly."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.core.errors import FacesetError, NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.landmarkers.registry import require_mesh
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource
from faceswap.models.guides import Guides
from faceswap.tracking.finder import track_faces
from faceswap.tracking.smoothing import smooth
from faceswap.tracking.tracker import Tracker

_QUEUE = 8


@dataclass(frozen=True)
class SourceFace:
    """A face to swap.

    Attributes:
        landmarks: Landmarks68, ``(68, 2)`` in pixels of the frame as it is displayed.
        mesh: Face mesh, ``(478, 3)`` in the same pixels; None if the landmarker gives none.
        track: Number of its track in a video; for photos, number of the face within its photo.
        guides: Guides of the face, without a batch dimension; None unless the model is guided.
    """

    landmarks: NDArray[np.floating]
    mesh: NDArray[np.floating] | None = None
    track: int = 0
    guides: Guides | None = None

    def dense_mesh(self) -> NDArray[np.floating]:
        """The mesh, for models that need one.

        Raises:
            ConfigError: The face has no mesh.
        """
        return require_mesh(self.mesh)


def batch_guides(faces: Iterable[SourceFace]) -> Guides:
    """The guides of faces, which all have some, as a batch."""
    each = [face.guides for face in faces]
    guided = [guides for guides in each if guides is not None]
    assert len(guided) == len(each), "a face without guides"
    return Guides(*map(torch.stack, zip(*guided, strict=True)))


FramesWithFaces = Iterable[tuple[Frame, Sequence[SourceFace]]]


def stored_faces(
    faceset: Faceset, hashed: HashedSource, *, meshes: bool
) -> dict[int, list[SourceFace]]:
    """Faces of a faceset by frame index, in order; frames without a face are absent.

    Args:
        faceset: Faceset of the source.
        hashed: The source.
        meshes: Whether to read the meshes as well.

    Raises:
        FacesetError: The faceset was extracted from another source, skips frames, or has no meshes.
        NoFacesError: The faceset has no face.
    """
    if faceset.record["source"]["sha256"] != hashed.sha256:
        raise FacesetError(
            f"Expected a faceset of {hashed.source.path}, found {faceset.path} extracted from "
            f"{faceset.record['source']['path']}.",
            "Give the faceset of this file, or omit --faceset to detect faces during conversion.",
        )
    if faceset.record["extractor"]["every"] != 1:
        raise FacesetError(
            f"Expected a faceset of all frames, found {faceset.path} extracted with --every "
            f"{faceset.record['extractor']['every']}.",
            "Extract it with --every 1, or omit --faceset to detect faces during conversion.",
        )
    faces = faceset.faces()
    if not faces:
        raise NoFacesError(
            f"Expected faces in the faceset {faceset.path}, found none.",
            "Extract the source again with another --detector.",
        )
    shapes = faceset.meshes() if meshes else [None] * len(faces)
    frames: dict[int, list[SourceFace]] = {}
    for face, mesh in sorted(zip(faces, shapes, strict=True), key=lambda pair: pair[0].frame):
        found = SourceFace(face.landmarks, mesh, face.track)
        frames.setdefault(face.frame, []).append(found)
    return frames


def find_faces(frames: Iterable[Frame], kind: str, tracker: Tracker) -> FramesWithFaces:
    """Finds the faces of frames, smoothed in time for a video.

    Args:
        frames: Frames of one source, in order.
        kind: ``video``, or ``images`` for independent frames.
        tracker: Tracker of the frames.
    """
    tracked = track_faces(frames, tracker, kind)
    if kind == "video":
        tracked = smooth(prefetch(tracked, _QUEUE))
    for frame, faces in tracked:
        found = [(face.landmarks, face.track) for face in faces]
        yield frame, [SourceFace(marks.points, marks.mesh, track) for marks, track in found]
