"""The faces of a whole clip, in a temporary file: memory use does not grow with its length."""

from array import array
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.record_file import RecordFile
from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.geometry.mesh_shape import POINTS
from faceswap.people.face_table import by_track

_RECORD = np.dtype(
    [("landmarks", np.float32, (68, 2)), ("to", np.int32), ("opacity", np.float64)],
)
_WITH_MESH = np.dtype([*_RECORD.descr, ("mesh", np.float32, (POINTS, 3))])


class StoredFaces(Protocol):
    """The faces of a clip, each with its target identity, in rows in the order of their frames."""

    def __len__(self) -> int: ...

    def tracks(self) -> dict[int, NDArray[np.int64]]:
        """Rows of each track, in order."""
        ...

    def rows_of(self, frame: int) -> range:
        """Rows of the faces of a frame."""
        ...

    def meshes(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Meshes of some rows, ``(N, 478, 3)``."""
        ...

    def face(self, row: int) -> SourceFace:
        """The face of a row."""
        ...

    def close(self) -> None:
        """Removes temporary files."""
        ...


class FaceStore:
    """Landmarks and meshes of faces, added in the order of their frames and then read at will.

    Rows count from 0 in the order in which the faces were added.

    Args:
        with_meshes: Whether the meshes are stored as well.

    Raises:
        OutputError: No file can be written in the temporary folder.
        StorageFullError: The disk is full.
    """

    def __init__(self, *, with_meshes: bool = True) -> None:
        self._with_meshes = with_meshes
        self._kind = _WITH_MESH if with_meshes else _RECORD
        self._records = RecordFile(self._kind)
        self._frames, self._tracks = array("q"), array("q")
        self._names: list[str] = []  # target identities, by their numbers in the records

    def close(self) -> None:
        """Removes the file."""
        self._records.close()

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: int, faces: Sequence[SourceFace]) -> None:
        """Adds the faces of a frame.

        Raises:
            ConfigError: A face has no mesh, and meshes are stored.
            OutputError: The temporary file cannot be written.
            StorageFullError: The disk is full.
        """
        assert not self._frames or self._frames[-1] < frame
        records = np.zeros(len(faces), self._kind)
        for record, face in zip(records, faces, strict=True):
            record["landmarks"] = face.landmarks
            if self._with_meshes:
                record["mesh"] = face.dense_mesh()
            record["to"], record["opacity"] = self._number(face.to), face.opacity
        self._records.append(records)
        self._frames.extend([frame] * len(faces))
        self._tracks.extend(face.track for face in faces)

    def _number(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)

    def tracks(self) -> dict[int, NDArray[np.int64]]:
        """Rows of each track, in order."""
        return rows_by_track(np.array(self._tracks, np.int64))

    def rows_of(self, frame: int) -> range:
        """Rows of the faces of a frame."""
        first, end = (np.searchsorted(self._frames, frame, side) for side in ("left", "right"))
        return range(int(first), int(end))

    def meshes(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Meshes of some rows, ``(N, 478, 3)``."""
        return self._records.read(rows)["mesh"]

    def face(self, row: int) -> SourceFace:
        """The face of a row."""
        (record,) = self._records.read(np.array([row]))
        return SourceFace(
            record["landmarks"],
            record["mesh"] if self._with_meshes else None,
            self._tracks[row],
            to=self._names[record["to"]],
            opacity=float(record["opacity"]),
        )


def rows_by_track(tracks: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Rows of each track, in order.

    Args:
        tracks: Number of the track of each row, ``(N,)``.
    """
    return {int(tracks[rows[0]]): rows for rows in by_track(tracks)}
