"""A file whose content was hashed before it was read for anything else."""

from dataclasses import dataclass, field
from pathlib import Path

from faceswap.core.errors import MediaError, SourceChangedError
from faceswap.core.file_state import FileState
from faceswap.core.files import regular_file, sha256_file


@dataclass(frozen=True)
class HashedFile:
    """A file, and the hash that everything made from it may state.

    Attributes:
        path: The file.
        sha256: SHA-256 of its content, in hex.
    """

    path: Path
    sha256: str
    _state: FileState = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> "HashedFile":
        """Hashes a file; call it before reading it.

        Raises:
            MediaError: The file does not exist, cannot be read, or is a pipe or device.
        """
        try:
            state = FileState.of(regular_file(path).stat())
            return cls(path, sha256_file(path), state)
        except OSError as error:
            raise MediaError(
                f"{path} cannot be read: {error.strerror or error}.", "Check the path."
            ) from error

    def check(self) -> None:
        """Checks that the content is still the hashed one; call it after reading the file.

        Only a file that was touched, replaced or written to is read again.

        Raises:
            SourceChangedError: The content changed, or the file is gone.
        """
        try:
            changed = FileState.of(self.path.stat()) != self._state
            changed = changed and sha256_file(self.path) != self.sha256
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
