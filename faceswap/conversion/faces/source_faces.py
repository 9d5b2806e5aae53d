"""The faces of the frames to convert: from a faceset, or found on the fly."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceswap.conversion.faces.finding import FaceFinding
from faceswap.conversion.faces.kept_faces import KeptFaces
from faceswap.conversion.faces.sparse_faces import is_sparse
from faceswap.conversion.faces.sparse_photos import search_between
from faceswap.core.errors import FacesetError, NoFacesError
from faceswap.core.prefetch import prefetch
from faceswap.facesets.faceset import Faceset
from faceswap.landmarkers.registry import require_mesh
from faceswap.maskers.appearance import Appearance
from faceswap.media.frame import Frame
from faceswap.media.hashed_source import HashedSource
from faceswap.models.guides import Guides
from faceswap.tracking.finder import track_faces
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
        to: Target identity; "" until it is assigned. Faces without one are not swapped.
        opacity: Factor of the mask in [0, 1]: below 1 where a track begins or ends within a shot.
        covered: Soft mask of what is in front of the face, in its crop of the model, ``(m, m)
            float32`` in [0, 1]; None if nothing is.
        appearance: Colours of the face when nothing hides it; None if they are not known.
    """

    landmarks: NDArray[np.floating]
    mesh: NDArray[np.floating] | None = None
    track: int = 0
    guides: Guides | None = None
    to: str = ""
    opacity: float = 1.0
    covered: NDArray[np.float32] | None = None
    appearance: Appearance | None = None

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


def check_source(faceset: Faceset, hashed: HashedSource) -> None:
    """Checks that a faceset has faces of this source.

    Raises:
        FacesetError: It was extracted from another source.
        NoFacesError: It has no face.
    """
    if faceset.record["source"]["sha256"] != hashed.sha256:
        raise FacesetError(
            f"Expected a faceset of {hashed.source.path}, found {faceset.path} extracted from "
            f"{faceset.record['source']['path']}.",
            "Give the faceset of this file, or omit --faceset to detect faces during conversion.",
        )
    if not faceset.rows.num_rows:
        raise NoFacesError(
            f"Expected faces in the faceset {faceset.path}, found none.",
            "Extract the source again with another --detector.",
        )


def displayed(frames: Iterable[Frame], faceset: Faceset) -> Iterator[Frame]:
    """Frames with the proportions of pixels in which the landmarks of a faceset are."""
    return (replace(frame, pixel_aspect=faceset.pixel_aspect) for frame in frames)


def faces_of_frames(
    frames: Iterable[Frame], faceset: Faceset, hashed: HashedSource, device: str, *, meshes: bool
) -> FramesWithFaces:
    """All frames of a source with the faces of a faceset; deleted faces are left out.

    The photos between those of a faceset of every n-th photo are searched, with its detector and
    landmarker, or the default ones where its faces were imported.

    Args:
        frames: Frames of the source, in order.
        faceset: Faceset of the source, with all frames of a video.
        hashed: The source.
        device: Device of the networks that find faces.
        meshes: Whether the faces need meshes.

    Raises:
        FacesetError: The faceset was extracted from another source, has no meshes, or does not tell
            which people its extraction left out.
        NoFacesError: The faceset has no face.
        WeightsUnavailable: The weights of a network are not available.
    """
    check_source(faceset, hashed)
    frames = displayed(frames, faceset)
    with closing(KeptFaces(faceset, meshes=meshes)) as stored:
        if is_sparse(faceset):
            assert not faceset.is_video
            tracker = FaceFinding.as_extracted(faceset.record, device).new_tracker()
            found = search_between(frames, stored, faceset, tracker)
            if not meshes:
                found = ((frame, [_without_mesh(face) for face in faces]) for frame, faces in found)
        else:
            found = ((frame, stored.get(frame.index, [])) for frame in frames)
        yield from _with_source_faces(found)


def find_faces(frames: Iterable[Frame], kind: str, tracker: Tracker) -> FramesWithFaces:
    """Finds the faces of frames; those of a video without short gaps, and smoothed in time.

    Args:
        frames: Frames of one source, in order.
        kind: ``video``, or ``images`` for independent frames.
        tracker: Tracker of the frames.
    """
    tracked = track_faces(frames, tracker, kind)
    if kind == "video":
        tracked = smooth(fill_gaps(prefetch(tracked, _QUEUE)))
    return _with_source_faces(tracked)


def _with_source_faces(
    found: Iterable[tuple[Frame, list[TrackedFace]]],
) -> Iterator[tuple[Frame, list[SourceFace]]]:
    for frame, faces in found:
        yield frame, _source_faces(faces)


def _source_faces(faces: Iterable[TrackedFace]) -> list[SourceFace]:
    return [SourceFace(f.landmarks.points, f.landmarks.mesh, f.track) for f in faces]


def _without_mesh(face: TrackedFace) -> TrackedFace:
    return replace(face, landmarks=replace(face.landmarks, mesh=None))
