"""The faces of a whole clip, by rows in the order of their frames."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.people.face_table import by_track


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


def rows_by_track(tracks: NDArray[np.int64]) -> dict[int, NDArray[np.int64]]:
    """Rows of each track, in order.

    Args:
        tracks: Number of the track of each row, ``(N,)``.
    """
    return {int(tracks[rows[0]]): rows for rows in by_track(tracks)}
