"""Stops a job before the n-th change it makes to a folder, within this process.

From the n-th change on, every change below the folder raises an exception, those of ``finally``
blocks too: the folder stays as a kill would have left it. It takes milliseconds where
``event_killer`` starts processes, and sees the same changes but ``fsync``.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 1),  # place of the path that appears
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate"), 0),
}


class StoppedError(BaseException):
    """The end of the process, as far as the folder is concerned."""


class _Watch:
    below, stop = "", 0
    seen: list[str] | None = None


_watch, _installed = _Watch(), []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch.seen is None:
        return
    if event == "open":
        path, _, flags = arguments
        if isinstance(path, int) or not isinstance(flags, int) or not flags & _WRITES:
            return
    elif event in _CHANGES:
        path = arguments[_CHANGES[event]]
    else:
        return
    place = os.fsdecode(path)
    if place == _watch.below or place.startswith(f"{_watch.below}/"):
        if len(_watch.seen) >= _watch.stop:
            raise StoppedError
        _watch.seen.append(f"{event} {place[len(_watch.below) + 1 :]}")


def run_until(stop: int, job: Callable[[Path], object], output: Path) -> list[str]:
    """Runs a job until its change of this number, from 0, below the parent of the output.

    Returns:
        The changes before it.
    """
    if not _installed:
        sys.addaudithook(_audit)
        _installed.append(True)
    _watch.below, _watch.stop, _watch.seen = str(output.parent), stop, []
    try:
        job(output)
    except StoppedError:
        pass
    finally:
        seen, _watch.seen = _watch.seen, None
    return seen
