"""The faces of a video that are swapped, as its faceset, the targets and the cuts decide."""

from functools import partial

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.assignment import Assignment
from faceswap.conversion.faces.fading import FoundFaces, OtherFaces, show_faces
from faceswap.conversion.faces.kept_faces import StoredMeshes, kept_faces
from faceswap.conversion.faces.seen_tracks import seen_tracks
from faceswap.conversion.faces.shots import find_changes
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.faces.stored_faces import rows_by_track
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import matrix_column
from faceswap.media.sources import Source


class AssignedFaces:
    """Faces of the faceset of a video, each with its target identity and its opacity.

    Faces that were deleted or excluded from the faceset are left out. All of this is decided for
    the whole video, so every part of it has the same faces whatever else is converted. Meshes are
    in a temporary file.

    Args:
        faceset: Faceset of the video, with the faces of all frames.
        source: The video.
        assignment: Assignment of the video.
        kept: Whether each face may be swapped, ``(N,)``; None for all whose crop was not deleted.
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
        kept: NDArray[np.bool_] | None = None,
        meshes: bool = False,
    ) -> None:
        rows = faceset.rows
        if kept is None:
            kept = kept_faces(faceset)
            assignment.deleted = int((~kept).sum())
        targets = assignment.targets
        tracks, seen = seen_tracks(faceset, source, kept, targets.recognizer)
        to = assignment.assign(seen)
        assignment.check()
        frames = rows["frame"].to_numpy().astype(np.int64)
        swapped = kept & np.isin(tracks, list(to))
        chosen = np.flatnonzero(swapped)
        self._rows = chosen[np.argsort(frames[chosen], kind="stable")]
        self._tracks = tracks[self._rows]
        self._to = [to[track] for track in self._tracks.tolist()]
        numbers = {name: number for number, name in enumerate(targets.identities)}
        self._landmarks = matrix_column(rows, "landmarks", (68, 2))  # of all rows: no copy
        found = FoundFaces(
            frames[self._rows],
            self._tracks,
            np.array([numbers[name] for name in self._to], np.int64),
            _chosen(self._landmarks, self._rows),
            rows["size"].to_numpy()[self._rows],
            OtherFaces.of(frames[~swapped], self._landmarks[~swapped]),
        )
        excluded = {*zip(frames[~kept].tolist(), tracks[~kept].tolist(), strict=True)}
        extractor = faceset.record["extractor"]
        # Facesets of earlier versions may not know the number of frames.
        count = max(faceset.record["source"].get("frames", 0), int(frames.max()) + 1)
        ends = extractor.get("first_frame") or 0, min(count, extractor.get("end_frame") or count)
        compare = partial(find_changes, source, pixel_aspect=faceset.pixel_aspect)
        self._faces = show_faces(found, compare, ends, targets.fade, excluded)
        self._meshes = StoredMeshes(faceset) if meshes else None

    def close(self) -> None:
        """Removes the file of the meshes."""
        if self._meshes is not None:
            self._meshes.close()

    def __len__(self) -> int:
        return len(self._faces.frames)

    def tracks(self) -> dict[int, NDArray[np.int64]]:
        """Rows of each track, in order."""
        return rows_by_track(self._tracks[self._faces.before])

    def rows_of(self, frame: int) -> range:
        """Rows of the faces of a frame."""
        first, end = np.searchsorted(self._faces.frames, [frame, frame + 1])
        return range(int(first), int(end))

    def meshes(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Meshes of some rows, ``(N, 478, 3)``."""
        assert self._meshes is not None
        faces = self._faces
        meshes = self._meshes.read(self._rows[faces.before[rows]])
        moving = np.flatnonzero(faces.time[rows])
        if len(moving):
            following = self._meshes.read(self._rows[faces.after[rows[moving]]])
            meshes[moving] = _between(meshes[moving], following, faces.time[rows[moving]])
        return meshes

    def face(self, row: int) -> SourceFace:
        """The face of a row."""
        faces, only = self._faces, np.array([row])
        before = faces.before[only]
        first, second = (self._landmarks[self._rows[each]] for each in (before, faces.after[only]))
        (points,) = _between(first, second, faces.time[only])
        return SourceFace(
            points,
            None if self._meshes is None else self.meshes(only)[0],
            int(self._tracks[before[0]]),
            to=self._to[before[0]],
            opacity=float(faces.opacity[row]),
        )


def _chosen(values: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Values of some rows; all of them in their order are not copied."""
    return values if np.array_equal(rows, np.arange(len(values))) else values[rows]


def _between(
    before: NDArray[np.float32], after: NDArray[np.float32], time: NDArray[np.float64]
) -> NDArray[np.float32]:
    """Points ``(N, P, D)`` on the way from those of some faces to those of others."""
    return (before + time[:, None, None] * (after - before)).astype(np.float32)
