"""One writer per output: whoever writes a folder or a file holds its lock.

The lock of a folder is ``FOLDER/.lock``, that of a file ``.lock-<hash of the name>`` beside it.
Both are removed when they are released; after a kill the file stays, but the lock does not.
"""

import json
import os
import platform
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from faceswap.core.errors import OutputBusyError
from faceswap.core.files import clear_leftovers, name_key
from faceswap.core.text import printable

LOCK = ".lock"
"""Name of the lock file of a folder."""
_MOST_BYTES = 4096  # of a lock file that is read for a message


@contextmanager
def hold_folder(folder: Path, purpose: str) -> Iterator[None]:
    """Holds the lock of an output folder, and clears what a killed writer left in it.

    The folder is created if it is absent, and removed again if nothing was written into it.

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
            clear_leftovers(folder)
            yield
    finally:
        if created:
            with suppress(OSError):  # it has content
                folder.rmdir()


@contextmanager
def hold_file(file: Path, purpose: str, beside: Sequence[Path] = ()) -> Iterator[None]:
    """Holds the lock of an output file, and clears what a killed writer left of it.

    Args:
        file: Output file; its folder is created if it is absent, and removed again if nothing was
            written into it.
        purpose: Work of this process in a noun phrase ("the conversion"), shown to the others.
        beside: Other files in the same folder that are written together with it.

    Raises:
        OutputBusyError: Another process writes this file.
    """
    created = not file.parent.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with _hold(file.with_name(f"{LOCK}-{name_key(file.name)}"), file, purpose):
            clear_leftovers(file.parent, {file.name, *(other.name for other in beside)})
            yield
    finally:
        if created:
            with suppress(OSError):  # it has content
                file.parent.rmdir()


@contextmanager
def _hold(lock_file: Path, output: Path, purpose: str) -> Iterator[None]:
    lock = FileLock(lock_file, timeout=0)
    try:
        lock.acquire()
    except Timeout as error:
        raise OutputBusyError(
            f"Another process writes {output}: {_holder(lock_file)}.",
            "Wait for it to finish, stop it, or choose another --output.",
        ) from error
    try:
        lock_file.write_text(json.dumps(_myself(purpose)), encoding="utf-8")
        yield
    finally:
        # Before the release: whoever waits for this very file notices that it is gone.
        with suppress(OSError):  # open files cannot be removed on Windows
            lock_file.unlink(missing_ok=True)
        lock.release()


def _myself(purpose: str) -> dict[str, str | int]:
    return {
        "purpose": purpose,
        "pid": os.getpid(),
        "host": platform.node(),
        "started": time.strftime("%Y-%m-%d %H:%M:%S"),
        "command": shlex.join(sys.argv)[:1000],
    }


def _holder(lock_file: Path) -> str:
    """Description of the process that holds a lock, as far as it can be read."""
    try:
        with lock_file.open("rb") as file:
            found = json.loads(file.read(_MOST_BYTES))
        return printable(
            f"{found['purpose']} of process {found['pid']} on {found['host']}, "
            f"started {found['started']} as `{found['command']}`"
        )
    except (OSError, ValueError, KeyError, TypeError):
        return "its lock file does not say which one"  # just taken, or of Windows
