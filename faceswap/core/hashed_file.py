"""A file whose content was hashed before it was read for anything else."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from faceswap.core.errors import MediaError, SourceChangedError
from faceswap.core.file_state import FileState
from faceswap.core.files import regular_file, sha256_file


@dataclass(frozen=True)
class HashedFile:
    """A file, and the hash that everything made from it may state.

    It can be sent to another machine that has the file at the same path.

    Attributes:
        path: The file.
        sha256: SHA-256 of its content, in hex.
    """

    path: Path
    sha256: str
    _states: set[FileState] = field(repr=False, compare=False)  # in which it had this content

    @classmethod
    def of(cls, path: Path) -> "HashedFile":
        """Hashes a file; call it before reading it.

        Raises:
            MediaError: The file does not exist, cannot be read, or is a pipe or device.
        """
        try:
            state = _state(regular_file(path).stat())
            return cls(path, sha256_file(path), {state})
        except OSError as error:
            raise MediaError(
                f"{path} cannot be read: {error.strerror or error}.", "Check the path."
            ) from error

    def check(self) -> None:
        """Checks that the content is still the hashed one; call it after reading the file.

        Only a file that was touched, replaced or written to is read again, once.

        Raises:
            SourceChangedError: The content changed, or the file is gone.
        """
        try:
            state = _state(self.path.stat())
            changed = state not in self._states and sha256_file(self.path) != self.sha256
        except OSError as error:
            raise SourceChangedError(
                f"{self.path} was removed while it was read.",
                "Restore it and run the same command again.",
            ) from error
        if changed:
            raise SourceChangedError(
                f"{self.path} was replaced or changed while it was read.",
                "Nothing was written from it. Run the same command again when it is complete.",
            )
        self._states.add(state)


def _state(found: os.stat_result) -> FileState:
    # Each machine numbers the file systems that it shares with others by itself.
    return FileState.of(found)._replace(device=0)
