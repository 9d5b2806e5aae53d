"""A file whose content was hashed before it was read for anything else."""

from dataclasses import dataclass, field
from os import stat_result
from pathlib import Path

from faceswap.core.errors import MediaError, SourceChangedError
from faceswap.core.files import regular_file, sha256_file

Signature = tuple[int, ...]


@dataclass(frozen=True)
class HashedFile:
    """A file, and the hash that everything made from it may state.

    Attributes:
        path: The file.
        sha256: SHA-256 of its content, in hex.
    """

    path: Path
    sha256: str
    _signature: Signature = field(repr=False)

    @classmethod
    def of(cls, path: Path) -> "HashedFile":
        """Hashes a file; call it before reading it.

        Raises:
            MediaError: The file does not exist, cannot be read, or is a pipe or device.
        """
        try:
            signature = file_signature(regular_file(path).stat())
            return cls(path, sha256_file(path), signature)
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
            changed = file_signature(self.path.stat()) != self._signature
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


def file_signature(found: stat_result) -> Signature:
    """Numbers that differ after every change of a file, as far as the system can tell."""
    # The time of the last status change reveals files whose other times were set back.
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns
