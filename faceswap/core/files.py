"""Files that are complete or absent, whatever happens while they are written."""

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import uuid
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from faceswap.core.errors import MediaError, StorageFullError
from faceswap.core.exchange import NOT_SUPPORTED, exchange
from faceswap.core.kept_entries import KeptEntries

_CHUNK = 1 << 20
_SYNCED_AT_ONCE = 8
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
_LONGEST_SUFFIX = 20  # characters; what follows the last dot of a longer one is no format
TEMPORARY = re.compile(r"\.tmp-([0-9a-f]{8})-[0-9a-f]{8}(?:\..*)?")
"""Names of temporary files and folders; the group is the ``name_key`` of the final name."""
REPLACED = ".replaced-"
"""With the ``name_key`` of a directory: folder in which it is put aside to be replaced."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Converts "no space left" and "too large" to a ``StorageFullError`` with the path."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.EFBIG:
            raise StorageFullError(
                f"{path} would be larger than the file system or the limit of this session allows.",
                "Raise the limit (`ulimit -f`), or choose a folder on another disk.",
            ) from error
        if error.errno not in _NO_SPACE:
            raise
        raise StorageFullError(
            f"The disk that holds {path} is full.",
            "Free some space, and run the same command again to resume.",
        ) from error


def name_key(name: str) -> str:
    """Eight hex digits for a file name, for names that have to stay short."""
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:8]


def _temporary(path: Path, suffix: str = "") -> Path:
    """Name beside ``path``, at most 42 characters long whatever the length of its own."""
    suffix = suffix if len(suffix) <= _LONGEST_SUFFIX else ""
    # That of a temporary file has the key of the final name, by which it is cleared.
    temporary = TEMPORARY.fullmatch(path.name)
    key = temporary[1] if temporary else name_key(path.name)
    return path.with_name(f".tmp-{key}-{uuid.uuid4().hex[:8]}{suffix}")


def remove(path: Path) -> None:
    """Removes a file, or a folder with its content as far as that is possible."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def user_path(text: str | Path) -> Path:
    """A path that a person typed: a leading ``~`` is the home folder.

    Shells expand it at the beginning of a word only, not in ``--output=~/run`` or ``alice=~/a``.
    """
    path = Path(text)
    try:
        return path.expanduser()
    except RuntimeError:  # the home of an unknown user
        return path


def regular_file(path: Path) -> Path:
    """Returns the path of a regular file, or of a link to one.

    Raises:
        MediaError: It is a pipe, a device or a socket, from which reading might never end.
        OSError: There is no such file.
    """
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise MediaError(
            f"Expected a file, found a pipe, device or socket: {path}.",
            "Copy its content to a file.",
        )
    return path


def reserve(path: Path, size: int) -> None:
    """Creates a file whose space on the disk is reserved.

    A memory-mapped file on a full disk ends the process with SIGBUS when it is written; a reserved
    one cannot run out of space.

    Args:
        path: New file.
        size: Size in bytes.

    Raises:
        OSError: ENOSPC if there is not enough space.
    """
    with path.open("wb") as file:
        if hasattr(os, "posix_fallocate"):
            try:
                os.posix_fallocate(file.fileno(), 0, max(1, size))
                return
            except OSError as error:
                if error.errno not in NOT_SUPPORTED:
                    raise
        zeros = bytes(_CHUNK)  # macOS, Windows, and some network file systems
        for begin in range(0, size, _CHUNK):
            file.write(zeros[: size - begin])


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that replaces it when the block succeeds.

    The suffix is kept, since some writers choose the format by it. On an error the temporary file
    is removed and ``path`` is unchanged.

    Raises:
        StorageFullError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path, path.suffix)
    try:
        with storage_errors(path):
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path, replaced: Collection[str] | None = None) -> Iterator[Path]:
    """Yields a temporary directory that replaces ``path`` when the block succeeds.

    On an error an existing directory is unchanged.

    Args:
        path: Directory.
        replaced: Names in an existing directory that are replaced; all others are kept, even what
            another process is writing there. None: it is replaced as a whole.

    Raises:
        StorageFullError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = _temporary(path)
    temporary.mkdir()
    try:
        with storage_errors(path):
            yield temporary
            files = list(temporary.rglob("*"))
            kept = None if replaced is None else KeptEntries(path, temporary, replaced)
            if kept is not None:
                kept.link()
                files += kept.copies
            for file in (*files, temporary):
                _sync(file)
            _replace_directory(temporary, path)
            if kept is not None and temporary.is_dir():
                kept.move_later(temporary, path)
            _sync(path.parent)
    finally:
        remove(temporary)


def _replace_directory(new: Path, path: Path) -> None:
    """Gives a directory the name of another one, which gets the name of the first."""
    if not path.exists():
        new.rename(path)
    elif not exchange(new, path):
        # In two steps; after a kill in between, ``clear_leftovers`` restores the old one.
        folder = path.with_name(f"{REPLACED}{name_key(path.name)}")
        remove(folder)
        folder.mkdir()
        aside = folder / path.name
        try:
            path.rename(aside)
            try:
                new.rename(path)
            except OSError:
                aside.rename(path)
                raise
            aside.rename(new)
        finally:
            with suppress(OSError):  # the old one could not go back
                folder.rmdir()


def _sync(path: Path) -> None:
    """Flushes a file or a directory entry to disk, where the system supports it."""
    if os.name == "nt" and path.is_dir():
        return
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise
    finally:
        os.close(descriptor)


def sync_files(files: Sequence[Path]) -> None:
    """Flushes files and their folders to disk; files that are gone are skipped."""

    def sync(file: Path) -> None:
        with suppress(FileNotFoundError):
            _sync(file)

    # At once: the file system writes its journal once for all that are waiting.
    with ThreadPoolExecutor(_SYNCED_AT_ONCE) as pool:
        list(pool.map(sync, files))
    for folder in {file.parent for file in files}:
        _sync(folder)


def atomic_write(path: Path, data: bytes) -> None:
    """Writes a file completely, or leaves the old one unchanged."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON; bytes of names that are not UTF-8 become ``?``."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    atomic_write(path, text.encode(errors="replace") + b"\n")


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
