"""Repeats a job from every state of its folder that a kill can leave, within this process.

The job runs once, and its folder is copied before each change of it, of all threads: that is what a
kill at that time leaves. Equal states are repeated once. A repetition takes milliseconds where a
process would take seconds.
"""

import hashlib
import shutil
import sys
import threading
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.core.file_events import changed_path, inner_path

Job = Callable[[Path], object]


@dataclass
class Figures:
    """Result of repeating a job from many states.

    Attributes:
        changes: Every change of the job, such as ``os.rename model``.
        points: Number of states from which it was repeated.
        wrong: What was wrong after the repetition, by the change before which the state was.
    """

    changes: list[str]
    points: int = 0
    wrong: dict[str, str] = field(default_factory=dict)


def repeat_everywhere(
    job: Job,
    check: Callable[[Path], object],
    output: Path,
    *,
    repeated: Job | None = None,
    ignored: Collection[str] = (),
    most: int | None = None,
) -> Figures:
    """Repeats a job from each state of its output, and checks the result.

    Args:
        job: Function that makes the output, and completes it when it is called again.
        check: Called with the output after each repetition; fails if it is wrong. The output of the
            uninterrupted job, if it left any, lies beside it as ``whole``.
        output: Output; every run of the job has this path, also where something is there before.
            Its parent holds the copies.
        repeated: Function called on each state in place of the job.
        ignored: Names directly in the output in which changes do not count, such as ``logs``.
        most: Largest number of states, evenly spaced; None for all.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    copies = _Copies(output, tuple(ignored))
    _run_watched(copies, job, output)
    figures = Figures(copies.changes)
    if output.exists():
        shutil.copytree(output, output.with_name("whole"), symlinks=True)
    check(output)
    step = 1 if most is None else -(-len(copies.states) // most)
    for change, copy in copies.states[::step]:
        shutil.rmtree(output, ignore_errors=True)
        if copy.exists():
            copy.rename(output)
        figures.points += 1
        try:
            (repeated or job)(output)
            check(output)
        except Exception as error:
            figures.wrong[change] = f"{type(error).__name__}: {error}"
    return figures


class _Copies:
    """Copies of a folder before each change of it."""

    def __init__(self, output: Path, ignored: tuple[str, ...]) -> None:
        self._output, self._ignored = output, ignored
        self._known: set[str] = set()
        self._one_at_a_time = threading.Lock()
        self.changes: list[str] = []
        self.states: list[tuple[str, Path]] = []

    def take(self, event: str, inside: str) -> None:
        """Copies the folder as it is before a change, unless there is an equal copy."""
        if inside.split("/")[0] in self._ignored:
            return
        with self._one_at_a_time:
            change = f"{len(self.changes)}: {event} {inside}"
            self.changes.append(f"{event} {inside}")
            state = self._digest()
            if state not in self._known:
                self._known.add(state)
                copy = self._output.with_name(f"before-{len(self.states)}")
                if self._output.exists():
                    shutil.copytree(self._output, copy, symlinks=True)
                self.states.append((change, copy))

    def _digest(self) -> str:
        digest = hashlib.sha256(str(self._output.exists()).encode())
        for path in sorted(self._output.rglob("*")):
            relative = path.relative_to(self._output)
            if relative.parts[0] not in self._ignored:
                digest.update(f"{relative}\0{path.lstat().st_mode}\0".encode())
                if path.is_file():
                    digest.update(hashlib.sha256(path.read_bytes()).digest())
        return digest.hexdigest()


_watching: list[tuple[str, _Copies]] = []
_installed: list[bool] = []
_busy = threading.local()


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching or getattr(_busy, "copying", False):
        return
    path = changed_path(event, arguments)
    folder, copies = _watching[-1]
    inside = None if path is None else inner_path(path, folder)
    if inside is not None:
        _busy.copying = True
        try:
            copies.take(event, inside)
        finally:
            _busy.copying = False


def _run_watched(copies: _Copies, job: Job, output: Path) -> None:
    if not _installed:
        sys.addaudithook(_audit)  # Python cannot remove it
        _installed.append(True)
    _watching.append((str(output), copies))
    try:
        job(output)
    finally:
        _watching.pop()
