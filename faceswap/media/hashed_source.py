"""A source that was hashed before it was read, so that results name what they were made from."""

import hashlib
import os
from dataclasses import dataclass

from faceswap.core.hashed_file import HashedFile
from faceswap.media.sources import Source


@dataclass(frozen=True)
class HashedSource:
    """A source with the hashes of its files.

    Attributes:
        source: Video or photographs.
        files: Files of the source, in the same order.
        sha256: SHA-256 in hex of the video file, or of the photographs with their names.
    """

    source: Source
    files: tuple[HashedFile, ...]
    sha256: str

    def check(self, frames: slice = slice(None)) -> None:
        """Checks that no file changed since it was hashed; call it after reading.

        Args:
            frames: Frames that were read, each of which is a file of photographs; a video is
                always checked.

        Raises:
            SourceChangedError: The content of a file changed, or a file is gone.
        """
        for file in self.files if self.source.kind == "video" else self.files[frames]:
            file.check()


def hash_source(source: Source) -> HashedSource:
    """Hashes the files of a source; call it before reading them.

    Raises:
        MediaError: A file is gone or cannot be read.
    """
    files = tuple(HashedFile.of(file) for file in source.files)
    if source.kind == "video":
        return HashedSource(source, files, files[0].sha256)
    digest = hashlib.sha256()
    for file in files:
        digest.update(os.fsencode(file.path.name) + f"\0{file.sha256}\n".encode())
    return HashedSource(source, files, digest.hexdigest())
