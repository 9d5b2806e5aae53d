"""The faces of a video that are swapped, as its faceset, the targets and the cuts decide."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.assignment import Assignment
from faceswap.conversion.face_store import map_meshes
from faceswap.conversion.faces import SourceFace, kept_faces
from faceswap.conversion.fading import FoundFaces, OtherFaces, show_faces
from faceswap.conversion.seen_tracks import seen_tracks
from faceswap.conversion.shots import find_changes
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import matrix_column
from faceswap.media.sources import Source


class AssignedFaces:
    """Faces of the faceset of a video, each with its target identity and its opacity.

    Faces that were deleted or excluded from the faceset are left out. All of this is decided for
    the whole video, so every part of it has the same faces whatever else is converted.

    Args:
        faceset: Faceset of the video, with the faces of all frames.
        source: The video.
        assignment: Assignment of the video.
        meshes: Whether the faces need meshes.

    Raises:
        NoFacesError: No face is to be swapped.
        IdentityError: A name stands for a person of the faceset as well as for a file.
        MediaError: The video cannot be read.
        FacesetError: The faceset is damaged, or has no meshes.
        OutputError: There is no temporary folder for the meshes.
        StorageFullError: The disk is full.
    """

    def __init__(
        self,
        faceset: Faceset,
        source: Source,
        assignment: Assignment,
        *,
        meshes: bool = False,
    ) -> None:
        rows = faceset.rows
        kept = kept_faces(faceset)
        targets = assignment.targets
        tracks, seen = seen_tracks(faceset, source, kept, targets.recognizer)
        to = assignment.assign(seen)
        assignment.deleted = int((~kept).sum())
        assignment.check()
        frames = rows["frame"].to_numpy().astype(np.int64)
        swapped = kept & np.isin(tracks, list(to))
        chosen = np.flatnonzero(swapped)
        self._rows = chosen[np.argsort(frames[chosen], kind="stable")]
        self._tracks = tracks[self._rows]
        self._to = [to[track] for track in self._tracks.tolist()]
        numbers = {name: number for number, name in enumerate(targets.identities)}
        landmarks = matrix_column(rows, "landmarks", (68, 2))
        found = FoundFaces(
            frames[self._rows],
            self._tracks,
            np.array([numbers[name] for name in self._to], np.int64),
            landmarks[self._rows],
            rows["size"].to_numpy()[self._rows],
            OtherFaces.of(frames[~swapped], landmarks[~swapped]),
        )
        excluded = {*zip(frames[~kept].tolist(), tracks[~kept].tolist(), strict=True)}
        extractor = faceset.record["extractor"]
        # Facesets of earlier versions may not know the number of frames.
        count = max(faceset.record["source"].get("frames", 0), int(frames.max()) + 1)
        ends = extractor.get("first_frame") or 0, min(count, extractor.get("end_frame") or count)
        self._landmarks = found.landmarks
        compare = partial(find_changes, source, pixel_aspect=faceset.pixel_aspect)
        self._faces = show_faces(found, compare, ends, targets.fade, excluded)
        self._meshes = map_meshes(faceset.each_mesh()) if meshes else None

    def frames(self) -> list[int]:
        """Indices of the frames that show a face, ascending."""
        return np.unique(self._faces.frames).tolist()

    def of_frame(self, index: int) -> list[SourceFace]:
        """The faces of a frame."""
        faces = self._faces
        first, end = np.searchsorted(faces.frames, [index, index + 1])
        return [self._face(place) for place in range(first, end)]

    def _face(self, place: int) -> SourceFace:
        faces = self._faces
        before, after, time = faces.before[place], faces.after[place], faces.time[place]
        landmarks, rows, mesh = self._landmarks, self._rows, None
        if self._meshes is not None:
            mesh = _between(self._meshes[rows[before]], self._meshes[rows[after]], time)
        return SourceFace(
            _between(landmarks[before], landmarks[after], time),
            mesh,
            int(self._tracks[before]),
            to=self._to[before],
            opacity=float(faces.opacity[place]),
        )


def _between(
    before: NDArray[np.float32], after: NDArray[np.float32], time: float
) -> NDArray[np.float32]:
    """Points on the way from those of one face to those of another."""
    return before if time == 0 else (before + time * (after - before)).astype(np.float32)
