"""Records in a temporary file: memory use does not grow with their number."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryFile, gettempdir
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import OutputError
from faceswap.core.files import storage_errors


class RecordFile:
    """Records of one size, appended one after the other and then read by their numbers.

    The file has no name, so the system removes it however the program ends. It is read rather than
    mapped, since pages of a mapped file count as memory of the process. One thread at a time uses
    it.

    Args:
        kind: Type of a record.

    Raises:
        OutputError: No file can be written in the temporary folder.
        StorageFullError: The disk is full.
    """

    def __init__(self, kind: np.dtype[Any]) -> None:
        self._kind, self._count = kind, 0
        with _temporary_folder_errors():
            self._file = TemporaryFile()  # noqa: SIM115

    def __len__(self) -> int:
        return self._count

    def append(self, records: NDArray[Any]) -> None:
        """Adds records, ``(N,)`` of the type.

        Raises:
            OutputError: The file cannot be written.
            StorageFullError: The disk is full.
        """
        assert records.dtype == self._kind
        with _temporary_folder_errors():
            self._file.seek(0, 2)
            self._file.write(records.tobytes())
        self._count += len(records)

    def read(self, numbers: NDArray[np.int64]) -> NDArray[Any]:
        """The records of some numbers, ``(len(numbers),)`` of the type, in their order.

        Raises:
            OutputError: The file cannot be read.
        """
        size = self._kind.itemsize
        found = np.empty((len(numbers), size), np.uint8)
        starts = np.flatnonzero(np.diff(numbers, prepend=-2) != 1)
        with _temporary_folder_errors():
            for start, end in pairwise([*starts.tolist(), len(numbers)]):
                self._file.seek(int(numbers[start]) * size)
                count = self._file.readinto(found[start:end].data)
                assert count == (end - start) * size, "a record that was not added"
        return found.reshape(-1).view(self._kind)

    def close(self) -> None:
        """Removes the file."""
        self._file.close()


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
