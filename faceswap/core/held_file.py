"""A file that no program can open until it is released."""

import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faceswap.core.files import atomic_path

HELD = 1 << 16  # bytes; the headers of all media formats begin within them

_INVERTED = bytes(255 - byte for byte in range(256))
_CHUNK = 1 << 20


class HeldFile(io.RawIOBase):
    """A new file that is not on the disk as it is until ``release``.

    Its first 64 KiB stay in memory, and are zeros on disk. Many codecs and containers can be
    recognised at any point, so the remaining bytes are inverted on disk. Whatever happens to the
    process, the disk never contains the file in a state that can be played before it is released.
    Reading and seeking work as if everything were in the file. Nothing is buffered.

    Args:
        path: File; created, or truncated.

    Attributes:
        path: The file.
        name: Path as text, as every open file has it.
        error: System error of the last failed write, for callers behind a library that hides it.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        self.name = str(path)
        self.error: OSError | None = None
        self._file = io.FileIO(path, "w+")
        self._head = bytearray()
        self._at = 0
        self._inverts = True

    def readable(self) -> bool:
        """True."""
        return True

    def writable(self) -> bool:
        """True."""
        return True

    def seekable(self) -> bool:
        """True."""
        return True

    def tell(self) -> int:
        """Position in bytes."""
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Moves the position, as for any file."""
        self._at = self.absolute(offset, whence, self._at)
        return self._at

    def absolute(self, offset: int, whence: int, at: int) -> int:
        """Position that ``seek`` would move to from ``at``."""
        if whence == os.SEEK_END:
            at = max(len(self._head), self._size())
        return offset + (0 if whence == os.SEEK_SET else at)

    def write(self, data: Any, /) -> int:
        """Writes all of ``data``; never a part of it."""
        view = memoryview(data).cast("B")
        held = view[: max(0, HELD - self._at)]
        if view:  # what lies between the end and the position becomes zeros, as in any file
            end = min(HELD, self._at + len(view))
            self._head.extend(bytes(max(0, end - len(self._head))))
        self._head[self._at : self._at + len(held)] = held
        try:
            if rest := view[len(held) :]:
                at = self._at + len(held)
                self._fill(at)
                self._write_all(at, memoryview(bytes(rest).translate(_INVERTED)))
        except OSError as error:
            self.error = error
            raise
        self._at += len(view)
        return len(view)

    def readinto(self, buffer: Any, /) -> int:
        """Reads into a buffer."""
        count = self.read_at(self._at, buffer)
        self._at += count
        return count

    def second_reader(self) -> io.RawIOBase:
        """A reader of the same file with a position of its own."""
        return _SecondReader(self)

    @property
    def exceeds_head(self) -> bool:
        """Whether a part of the file is on the disk, and can be recognised during ``release``."""
        return self._size() > HELD

    def release(self) -> None:
        """Writes the file as it is: from here on it is complete, and cannot be written to.

        Raises:
            OSError: The disk is full.
        """
        self._revert()
        self._write_all(0, memoryview(self._head))

    def _size(self) -> int:
        return os.fstat(self._file.fileno()).st_size

    def _fill(self, end: int) -> None:
        """Writes what is read as zeros between the end of the file and ``end``."""
        for at in range(max(HELD, self._size()), end, _CHUNK):
            self._write_all(at, memoryview(b"\xff" * min(_CHUNK, end - at)))

    def _revert(self) -> None:
        self._inverts = False
        at = HELD
        self._file.seek(at)
        while chunk := self._file.read(_CHUNK):
            self._write_all(at, memoryview(chunk.translate(_INVERTED)))
            at += len(chunk)
            self._file.seek(at)

    def close(self) -> None:
        """Closes the file; without ``release`` it stays unreadable."""
        self._file.close()
        super().close()

    def read_at(self, at: int, buffer: Any) -> int:
        """Reads into a buffer from ``at``; the position stays."""
        view = memoryview(buffer).cast("B")
        if at >= HELD:
            self._file.seek(at)
            count = self._file.readinto(view)
            if self._inverts:
                for start in range(0, count, _CHUNK):  # a library may ask for 256 MiB at once
                    part = view[start : min(start + _CHUNK, count)]
                    part[:] = bytes(part).translate(_INVERTED)
            return count
        found = self._head[at : at + len(view)]
        view[: len(found)] = found
        return len(found)

    def _write_all(self, at: int, view: memoryview) -> None:
        # A nearly full disk takes a part of the data, and refuses the next write.
        while view:
            self._file.seek(at)
            written = self._file.write(view)
            at, view = at + written, view[written:]


class _SecondReader(io.RawIOBase):
    def __init__(self, file: HeldFile) -> None:
        super().__init__()
        self._file = file
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        self._at = self._file.absolute(offset, whence, self._at)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        count = self._file.read_at(self._at, buffer)
        self._at += count
        return count


Signer = Callable[[HeldFile, Path], Iterable[Path]]
"""Signs and releases a complete temporary file, the first argument; the second is its final path.

It returns files that belong to the temporary file, which are removed in the end."""


@contextmanager
def signed_path(path: Path, sign: Signer | None) -> Iterator[HeldFile]:
    """Yields a temporary file that is signed and replaces ``path`` when the block succeeds.

    Args:
        path: Destination; unchanged after an error.
        sign: Callback that signs and releases the file; None to release it unsigned.

    Raises:
        StorageFullError: The disk is full.
    """
    companions: Iterable[Path] = ()
    try:
        with atomic_path(path) as temporary, HeldFile(temporary) as file:
            yield file
            if sign is None:
                file.release()
            else:
                companions = sign(file, path)
    finally:
        for companion in companions:
            companion.unlink(missing_ok=True)
