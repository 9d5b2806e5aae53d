"""One writer per output: whoever writes a folder or a file holds its lock.

The lock of a folder is ``FOLDER/.lock``, that of a file ``.lock-<hash of the name>`` beside it. A
record beside the lock says who holds it; the lock file itself stays empty, because Windows locks
its content, and some file systems without locks keep a marker there. A writer has its record before
its first temporary file. All are removed when the lock is released; after a kill the files stay,
but the lock does not.
"""

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

from filelock import FileLock, Timeout

from faceswap.core.errors import OutputBusyError
from faceswap.core.files import name_key
from faceswap.core.leftovers import clear_leftovers
from faceswap.core.text import printable
from faceswap.core.urls import without_secrets

LOCK = ".lock"
"""Name of the lock file of a folder."""
_RECORD = "-holder"  # and before it the name of the lock file
_MOST_BYTES = 4096  # of a record that is read for a message
_PATIENCE_S, _POLL_S = 0.2, 0.02  # others take a lock for a moment to see whether it is free
_mine: set[Path] = set()  # lock files that this process holds


@contextmanager
def hold_folder(folder: Path, purpose: str) -> Iterator[None]:
    """Holds the lock of an output folder, and clears what a killed writer left in it.

    What other running processes write there, each with a lock of its own, is left alone. The folder
    is created if it is absent, and removed again if nothing was written into it.

    Args:
        folder: Output folder.
        purpose: Work of this process in a noun phrase ("the training"), shown to the others.

    Raises:
        OutputBusyError: Another process writes this folder.
        NotADirectoryError: The path is a file.
    """
    created = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _hold(folder / LOCK, folder, purpose):
            for place in (folder, *_folders(folder)):
                clear_leftovers(place, None, partial(is_used, place))
            yield
    finally:
        if created:
            with suppress(OSError):  # it has content
                folder.rmdir()


@contextmanager
def hold_file(
    file: Path, purpose: str, beside: Sequence[Path] = (), *, wait: bool = False
) -> Iterator[None]:
    """Holds the locks of output files, and clears what a killed writer left of them.

    Args:
        file: Output file or directory; its folder is created if it is absent, and removed again if
            nothing was written into it.
        purpose: Work of this process in a noun phrase ("the conversion"), shown to the others.
        beside: Other files in the same folder that are written together with it.
        wait: Whether to wait while another process writes it, whose result will do.

    Raises:
        OutputBusyError: Another process writes this file.
    """
    created = not file.parent.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        paths = (file, *beside)
        with ExitStack() as stack:
            for path in paths:
                lock_file = path.with_name(f"{LOCK}-{name_key(path.name)}")
                stack.enter_context(_hold(lock_file, path, purpose, wait=wait))
            names = {path.name for path in paths}
            clear_leftovers(file.parent, names, partial(_is_inside_used, file.parent))
            yield
    finally:
        if created:
            with suppress(OSError):  # it has content
                file.parent.rmdir()


def check_free(path: Path) -> None:
    """Checks that no other process writes a file, or a folder or anything right in it.

    Nothing is held afterwards: one that begins to write meanwhile is not noticed.

    Raises:
        OutputBusyError: Another process does.
    """
    beside = _record(path.with_name(f"{LOCK}-{name_key(path.name)}"))
    for record in (beside, *path.glob(f"{LOCK}*{_RECORD}")):
        if _is_held(record):
            raise _busy(path, record)


@contextmanager
def _hold(lock_file: Path, output: Path, purpose: str, *, wait: bool = False) -> Iterator[None]:
    lock, record, place = FileLock(lock_file), _record(lock_file), lock_file.resolve()
    _acquire(lock, lock_file, output, wait)
    _mine.add(place)
    try:
        with suppress(OSError):  # a full disk: the work may need no space
            record.write_text(json.dumps(holder_record(purpose)), encoding="utf-8")
        yield
    finally:
        try:
            # Before the release: whoever waits for this very file notices that it is gone.
            for file in (record, lock_file):
                with suppress(OSError):  # open files cannot be removed on Windows
                    file.unlink(missing_ok=True)
        finally:  # also after Ctrl-C in between: this process may go on
            _mine.discard(place)
            lock.release()


def _acquire(lock: FileLock, lock_file: Path, output: Path, wait: bool) -> None:
    try:
        lock.acquire(timeout=-1 if wait else _PATIENCE_S, poll_interval=_POLL_S)
    except Timeout as error:
        raise _busy(output, _record(lock_file)) from error
    except PermissionError as error:
        if not lock_file.exists():
            raise PermissionError(error.errno, error.strerror, str(output)) from error
        raise OutputBusyError(
            f"{lock_file} belongs to another user, who may be writing {output}.",
            "Choose another --output, or delete that file if nobody writes there.",
        ) from error


def _folders(folder: Path) -> list[Path]:
    """Folders directly inside an output; links are not followed."""
    try:
        return [Path(e.path) for e in os.scandir(folder) if e.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def is_used(folder: Path) -> bool:
    """Whether another process writes something in a folder."""
    return any(map(_is_held, folder.glob(f"{LOCK}*{_RECORD}"))) or _is_inside_used(folder)


def _is_inside_used(folder: Path) -> bool:
    """Whether another process writes a folder as a whole, or one in which it lies."""
    place = folder.resolve()
    return any(_is_held(_record(outer / LOCK)) for outer in (place, *place.parents))


def _is_held(record: Path) -> bool:
    """Whether another process holds the lock that a record belongs to."""
    lock_file = record.with_name(record.name.removesuffix(_RECORD))
    try:
        if lock_file.resolve() in _mine or not record.exists() or not lock_file.exists():
            return False
        with FileLock(lock_file, timeout=0):
            return False
    except OSError:  # held, or of another user
        return True


def _record(lock_file: Path) -> Path:
    return lock_file.with_name(f"{lock_file.name}{_RECORD}")


def holder_record(purpose: str) -> dict[str, str | int]:
    """What a lock says about its holder: this process.

    Args:
        purpose: Work of this process in a noun phrase, shown to the others.
    """
    return {
        "purpose": purpose,
        "pid": os.getpid(),
        "host": platform.node(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": without_secrets(shlex.join(sys.argv))[:1000],
    }


def _busy(output: Path, record: Path) -> OutputBusyError:
    return OutputBusyError(
        f"Another process writes {output}: {_holder(record)}.",
        "Wait for it to finish, stop it, or choose another --output.",
    )


def _holder(record: Path) -> str:
    """Description of the process that left a record, as far as it can be read."""
    try:
        with record.open("rb") as file:
            return describe_holder(file.read(_MOST_BYTES))
    except OSError:
        return describe_holder(b"")  # just taken, or on a full disk


def describe_holder(content: bytes) -> str:
    """Description of the process that a ``holder_record`` names, as far as it can be read.

    Args:
        content: The record as JSON.
    """
    try:
        found = json.loads(content[:_MOST_BYTES])
        return printable(
            f"{found['purpose']} of process {found['pid']} on {found['host']}, "
            f"started {found['started']} as `{found['command']}`"
        )
    except (ValueError, KeyError, TypeError):
        return "it left no record of itself"
