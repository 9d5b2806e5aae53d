"""The faces of a faceset that are converted: those whose crop was not deleted."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from faceswap.conversion.faces.record_file import RecordFile
from faceswap.facesets.faceset import Faceset
from faceswap.facesets.rows import matrix_column
from faceswap.geometry.mesh_shape import POINTS
from faceswap.landmarkers import FaceLandmarks
from faceswap.tracking.tracks import TrackedFace

_MESH = np.dtype([("mesh", np.float32, (POINTS, 3))])


def kept_faces(faceset: Faceset) -> NDArray[np.bool_]:
    """Whether each face of a faceset is swapped: its crop was neither deleted nor moved away."""
    never_stored = pc.call_function("equal", [faceset.rows["image"], ""]).to_numpy()
    return never_stored | np.array(faceset.has_crop(), bool)


class StoredMeshes:
    """Meshes of all faces of a faceset, in a temporary file.

    Args:
        faceset: The faceset.

    Raises:
        FacesetError: It is damaged, or has no meshes.
        OutputError: There is no temporary folder for the meshes.
        StorageFullError: The disk is full.
    """

    def __init__(self, faceset: Faceset) -> None:
        self._file = RecordFile(_MESH)
        with ExitStack() as stack:
            stack.callback(self.close)
            for mesh in faceset.each_mesh():
                self._file.append(mesh.astype(np.float32).reshape(-1).view(_MESH))
            stack.pop_all()

    def read(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Meshes of some rows of the faceset, ``(N, 478, 3)``."""
        return self._file.read(rows)["mesh"]

    def close(self) -> None:
        """Removes the file."""
        self._file.close()


class KeptFaces(Mapping[int, list[TrackedFace]]):
    """The kept faces of a faceset by frame index; frames without one are absent.

    Only what a faceset keeps in memory is there; meshes are in a temporary file.

    Args:
        faceset: The faceset.
        meshes: Whether the faces have meshes.

    Raises:
        FacesetError: The faceset is damaged, or has no meshes.
        OutputError: There is no temporary folder for the meshes.
        StorageFullError: The disk is full.
    """

    def __init__(self, faceset: Faceset, *, meshes: bool) -> None:
        rows = faceset.rows
        kept = np.flatnonzero(kept_faces(faceset))
        frames = rows["frame"].to_numpy()[kept]
        order = np.argsort(frames, kind="stable")
        self._frames, self._rows = frames[order], kept[order]
        self._tracks, self._scores = (rows[name].to_numpy() for name in ("track", "score"))
        self._boxes = matrix_column(rows, "box", (4,))
        self._landmarks = matrix_column(rows, "landmarks", (68, 2))
        self._meshes = StoredMeshes(faceset) if meshes else None

    def close(self) -> None:
        """Removes the file of the meshes."""
        if self._meshes is not None:
            self._meshes.close()

    def __len__(self) -> int:
        return len(np.unique(self._frames))

    def __iter__(self) -> Iterator[int]:
        return iter(np.unique(self._frames).tolist())

    def __getitem__(self, frame: int) -> list[TrackedFace]:
        first, end = np.searchsorted(self._frames, [frame, frame + 1])
        if first == end:
            raise KeyError(frame)
        rows = self._rows[first:end]
        meshes = [None] * len(rows) if self._meshes is None else self._meshes.read(rows)
        return [self._face(*pair) for pair in zip(rows.tolist(), meshes, strict=True)]

    def _face(self, row: int, mesh: NDArray[np.float32] | None) -> TrackedFace:
        landmarks = FaceLandmarks(self._landmarks[row], mesh, presence=1.0)
        track, score = int(self._tracks[row]), float(self._scores[row])
        return TrackedFace(track, self._boxes[row], score, landmarks)
