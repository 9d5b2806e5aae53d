"""The faces of the frames to convert: from a faceset, or found on the fly."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.sparse_faces import find_missing, track_between
from faceswap.core.errors import FacesetError, NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.landmarkers.registry import FaceLandmarks, require_mesh
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource
from faceswap.models.guides import Guides
from faceswap.tracking.finder import DETECTOR, LANDMARKER, build_tracker, track_faces
from faceswap.tracking.gaps import fill_gaps
from faceswap.tracking.smoothing import smooth
from faceswap.tracking.tracker import Tracker
from faceswap.tracking.tracks import TrackedFace

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


def has_all_frames(faceset: Faceset) -> bool:
    """Whether a faceset has the faces of all frames, so that none must be tracked."""
    return faceset.record["extractor"]["every"] == 1


def stored_faces(
    faceset: Faceset, hashed: HashedSource, *, meshes: bool
) -> dict[int, list[SourceFace]]:
    """Faces of a faceset by frame index, in order; frames without a face are absent.

    Args:
        faceset: Faceset of the source.
        hashed: The source.
        meshes: Whether to read the meshes as well.

    Raises:
        FacesetError: The faceset was extracted from another source, or has no meshes.
        NoFacesError: The faceset has no face.
    """
    stored = _tracked_faces(faceset, hashed, meshes=meshes)
    return {index: _source_faces(faces) for index, faces in stored.items()}


def complete_faces(
    frames: Iterable[Frame], faceset: Faceset, hashed: HashedSource, device: str, *, meshes: bool
) -> FramesWithFaces:
    """The faces of a faceset of every n-th frame, with those of the other frames.

    The others are found with the detector and the landmarker of the faceset.

    Args:
        frames: All frames of the source, in order.
        faceset: Faceset of the source.
        hashed: The source.
        device: Device of the networks.
        meshes: Whether the faces need meshes.

    Raises:
        FacesetError: The faceset was extracted from another source, or has no meshes.
        NoFacesError: The faceset has no face.
    """
    stored = _tracked_faces(faceset, hashed, meshes=meshes)
    extractor = faceset.record["extractor"]
    tracker = build_tracker(
        extractor.get("detector", DETECTOR),
        extractor.get("landmarker", LANDMARKER),
        device,
        normalise=extractor.get("normalise", "none"),
        re_feed=extractor.get("re_feed", 1),
        **{key: extractor[key] for key in ("min_score", "tiles", "turned") if key in extractor},
    )
    if faceset.is_video:
        found = prefetch(track_between(frames, stored, extractor["every"], tracker.update), _QUEUE)
    else:
        found = find_missing(frames, stored, extractor["every"], tracker.find_faces)
    if not meshes:
        found = ((frame, [_without_mesh(face) for face in faces]) for frame, faces in found)
    return _continuous(found, faceset.record["source"]["kind"])


def find_faces(frames: Iterable[Frame], kind: str, tracker: Tracker) -> FramesWithFaces:
    """Finds the faces of frames; those of a video without short gaps, and smoothed in time.

    Args:
        frames: Frames of one source, in order.
        kind: ``video``, or ``images`` for independent frames.
        tracker: Tracker of the frames.
    """
    tracked = track_faces(frames, tracker, kind)
    return _continuous(prefetch(tracked, _QUEUE) if kind == "video" else tracked, kind)


def _continuous(
    found: Iterator[tuple[Frame, list[TrackedFace]]], kind: str
) -> Iterator[tuple[Frame, list[SourceFace]]]:
    for frame, faces in smooth(fill_gaps(found)) if kind == "video" else found:
        yield frame, _source_faces(faces)


def _source_faces(faces: Iterable[TrackedFace]) -> list[SourceFace]:
    return [SourceFace(f.landmarks.points, f.landmarks.mesh, f.track) for f in faces]


def _without_mesh(face: TrackedFace) -> TrackedFace:
    return replace(face, landmarks=replace(face.landmarks, mesh=None))


def _tracked_faces(
    faceset: Faceset, hashed: HashedSource, *, meshes: bool
) -> dict[int, list[TrackedFace]]:
    if faceset.record["source"]["sha256"] != hashed.sha256:
        raise FacesetError(
            f"Expected a faceset of {hashed.source.path}, found {faceset.path} extracted from "
            f"{faceset.record['source']['path']}.",
            "Give the faceset of this file, or omit --faceset to detect faces during conversion.",
        )
    faces = faceset.faces()
    if not faces:
        raise NoFacesError(
            f"Expected faces in the faceset {faceset.path}, found none.",
            "Extract the source again with another --detector.",
        )
    shapes = faceset.meshes() if meshes else [None] * len(faces)
    frames: dict[int, list[TrackedFace]] = {}
    for face, mesh in sorted(zip(faces, shapes, strict=True), key=lambda pair: pair[0].frame):
        landmarks = FaceLandmarks(face.landmarks, mesh, presence=1.0)
        tracked = TrackedFace(face.track, face.box, face.score, landmarks)
        frames.setdefault(face.frame, []).append(tracked)
    return frames
