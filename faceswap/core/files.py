"""Files that are complete or absent, whatever happens while they are written."""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faceswap.core.errors import StorageFullError

_CHUNK = 1 << 20
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Converts "no space left" within its block to a ``StorageFullError`` with the path."""
    try:
        yield
    except OSError as error:
        if error.errno not in _NO_SPACE:
            raise
        raise StorageFullError(
            f"The disk that holds {path} is full.",
            "Free some space, and run the same command again to resume.",
        ) from error


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yields a temporary path beside ``path`` that replaces it when the block succeeds.

    The suffix is kept, since some writers choose the format by it. On an error the temporary file
    is removed and ``path`` is unchanged.

    Raises:
        StorageFullError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}-{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        with storage_errors(path):
            yield temporary
            _sync(temporary)
            temporary.replace(path)
            _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_directory(path: Path) -> Iterator[Path]:
    """Yields a temporary directory that replaces ``path`` when the block succeeds.

    An existing directory is replaced as a whole; on an error it is unchanged.

    Raises:
        StorageFullError: The disk is full.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    temporary.mkdir()
    try:
        with storage_errors(path):
            yield temporary
            for file in temporary.rglob("*"):
                _sync(file)
            _replace_directory(temporary, path)
            _sync(path.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _replace_directory(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    # A directory cannot be renamed over one with content: the old one is renamed first.
    aside = path.with_name(f".{path.name}-old-{uuid.uuid4().hex[:8]}")
    path.rename(aside)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)


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


def atomic_write(path: Path, data: bytes) -> None:
    """Writes a file completely, or leaves the old one unchanged."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def write_json(path: Path, value: Any) -> None:
    """Writes indented JSON."""
    atomic_write(path, json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n")


def read_json(path: Path) -> Any:
    """Reads a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
