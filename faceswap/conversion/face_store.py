"""The faces of a whole clip, in a temporary file: memory use does not grow with its length."""

from array import array
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from faceswap.conversion.faces import SourceFace
from faceswap.core.errors import OutputError
from faceswap.core.files import storage_errors
from faceswap.geometry.mesh_shape import POINTS

_RECORD = np.dtype(
    [
        ("landmarks", np.float32, (68, 2)),
        ("mesh", np.float32, (POINTS, 3)),
        ("to", np.int32),
        ("opacity", np.float64),
    ]
)


@contextmanager
def _temporary_folder_errors() -> Iterator[None]:
    """Converts errors of the system to typed ones that name the temporary folder."""
    try:
        with storage_errors(Path(gettempdir())):
            yield
    except OSError as error:
        raise OutputError(
            f"Expected a temporary folder for the faces of the video, found none to write in: "
            f"{error}.",
            "Free some space there, or set TMPDIR to a folder on another disk.",
        ) from error


def map_meshes(meshes: Iterable[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Meshes as an array that is read from a temporary file when it is used.

    Args:
        meshes: Meshes, ``(478, 3)`` each.

    Returns:
        ``(N, 478, 3)``, read-only. The system removes the file with the array.

    Raises:
        OutputError: No file can be written in the temporary folder.
        StorageFullError: The disk is full.
    """
    with _temporary_folder_errors():
        file = TemporaryFile()  # noqa: SIM115
    with file:
        count = 0
        for mesh in meshes:
            with _temporary_folder_errors():
                file.write(np.asarray(mesh, np.float32).tobytes())
            count += 1
        with _temporary_folder_errors():
            file.flush()
        if not count:
            return np.zeros((0, POINTS, 3), np.float32)
        return np.memmap(file, np.float32, "r", shape=(count, POINTS, 3))


class FaceStore:
    """Landmarks and meshes of faces, added in the order of their frames and then read at will.

    The file has no name, so the system removes it however the program ends. Rows count from 0 in
    the order in which the faces were added.

    Raises:
        OutputError: No file can be written in the temporary folder.
        StorageFullError: The disk is full.
    """

    def __init__(self) -> None:
        with _temporary_folder_errors():
            self._file = TemporaryFile()  # noqa: SIM115
        self._frames, self._tracks = array("q"), array("q")
        self._names: list[str] = []  # target identities, by their numbers in the records
        self._records: NDArray[np.void] | None = None

    def __enter__(self) -> "FaceStore":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._records = None
        self._file.close()

    def __len__(self) -> int:
        return len(self._frames)

    def add(self, frame: int, faces: Sequence[SourceFace]) -> None:
        """Adds the faces of a frame, all before the first is read.

        Raises:
            ConfigError: A face has no mesh.
            OutputError: The temporary file cannot be written.
            StorageFullError: The disk is full.
        """
        assert self._records is None
        assert not self._frames or self._frames[-1] < frame
        records = np.zeros(len(faces), _RECORD)
        for record, face in zip(records, faces, strict=True):
            record["landmarks"], record["mesh"] = face.landmarks, face.dense_mesh()
            record["to"], record["opacity"] = self._number(face.to), face.opacity
            self._frames.append(frame)
            self._tracks.append(face.track)
        with _temporary_folder_errors():
            self._file.write(records.tobytes())

    def _number(self, name: str) -> int:
        if name not in self._names:
            self._names.append(name)
        return self._names.index(name)

    def tracks(self) -> dict[int, NDArray[np.int64]]:
        """Rows of each track, in order."""
        tracks = np.array(self._tracks, np.int64)
        order = np.argsort(tracks, kind="stable")
        numbers, starts = np.unique(tracks[order], return_index=True)
        rows = np.split(order, starts[1:])
        return dict(zip(numbers.tolist(), rows, strict=True)) if len(tracks) else {}

    def rows_of(self, frame: int) -> range:
        """Rows of the faces of a frame."""
        first, end = (np.searchsorted(self._frames, frame, side) for side in ("left", "right"))
        return range(int(first), int(end))

    def meshes(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Meshes of some rows, ``(N, 478, 3)``."""
        return self._read()["mesh"][rows]

    def face(self, row: int) -> SourceFace:
        """The face of a row."""
        record = self._read()[row]
        return SourceFace(
            record["landmarks"],
            record["mesh"],
            self._tracks[row],
            to=self._names[record["to"]],
            opacity=float(record["opacity"]),
        )

    def _read(self) -> NDArray[np.void]:
        if self._records is None:
            with _temporary_folder_errors():
                self._file.flush()
            self._records = np.memmap(self._file, _RECORD, "r")
        return self._records
