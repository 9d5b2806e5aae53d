"""State of a file, which tells cheaply whether its content may have changed."""

from os import stat_result
from typing import NamedTuple


class FileState(NamedTuple):
    """State of a file.

    Attributes:
        device: Number of the file system.
        inode: Number of the file within it; that of another file after an exchange of files.
        size: Size in bytes.
        modified: Time of the last modification in ns, which programs can set back.
        changed: Time of the last change of content, name, links or permissions in ns.
    """

    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @classmethod
    def of(cls, found: stat_result) -> "FileState":
        """State by the result of ``stat``."""
        return cls(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
