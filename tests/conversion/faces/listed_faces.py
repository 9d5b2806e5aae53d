"""The faces of a clip as a list, where a test needs no faceset."""

from collections.abc import Sequence

import numpy as np

from faceswap.conversion.faces.source_faces import SourceFace
from faceswap.conversion.faces.stored_faces import rows_by_track


class ListedFaces:
    """Stored faces of a clip.

    Args:
        clip: Faces of each frame.
    """

    def __init__(self, clip: Sequence[Sequence[SourceFace]]) -> None:
        self._faces = [face for faces in clip for face in faces]
        self._ends = np.cumsum([0, *map(len, clip)]).tolist()

    def __len__(self) -> int:
        return len(self._faces)

    def tracks(self) -> dict[int, np.ndarray]:
        return rows_by_track(np.array([face.track for face in self._faces], np.int64))

    def rows_of(self, frame: int) -> range:
        return range(*self._ends[frame : frame + 2])

    def meshes(self, rows: np.ndarray) -> np.ndarray:
        return np.stack([self._faces[row].dense_mesh() for row in rows]).astype(np.float32)

    def face(self, row: int) -> SourceFace:
        return self._faces[row]

    def close(self) -> None:
        pass
