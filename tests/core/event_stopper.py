"""Stops a job before the n-th change it makes to a folder, within this process.

From the n-th change on, every change below the folder raises an exception, those of ``finally``
blocks too: the folder stays as a kill would have left it. For jobs that run on when a part of them
fails, there is ``event_copies``.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.core.file_events import changed_path, inner_path


class StoppedError(BaseException):
    """The end of the process, as far as the folder is concerned."""


class _Watch:
    below, stop = "", 0
    seen: list[str] | None = None


_watch, _installed = _Watch(), []


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if _watch.seen is None or (path := changed_path(event, arguments)) is None:
        return
    inside = inner_path(path, _watch.below)
    if inside is not None:
        if len(_watch.seen) >= _watch.stop:
            raise StoppedError
        _watch.seen.append(f"{event} {inside}")


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
