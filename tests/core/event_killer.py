"""Kills a job before the n-th change it makes to a folder, for every n, and repeats it.

A job is a function of a module, called with its output folder in a process of its own: a fork of a
server that has imported the packages, so that hundreds of kills take minutes. Changes are the calls
of Python that write: ``open`` for writing, ``rename``, ``replace``, ``remove``, ``mkdir``,
``rmdir``, ``truncate``, ``link``, ``fsync`` and the like, of all threads. What native code does to
a file is not seen, but the rename that gives the file its name is.
"""

import contextlib
import gc
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

Job = Callable[[Path], object]
_KILLED = 77
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_CHANGES = {
    **dict.fromkeys(("os.rename", "os.link", "os.symlink"), 1),  # place of the path that appears
    **dict.fromkeys(("os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"), 0),
}
_PRELOADED = [  # with what they import on use
    *("faceswap.training.build", "classifier.training.run", "faceswap.provenance.signing"),
    *("torch._dynamo", "torch.distributed.fsdp", "torch.utils.tensorboard"),
]
_PATIENCE = 120  # seconds for one child


@dataclass
class Figures:
    """Result of killing a job at many points.

    Attributes:
        changes: Every change of the uninterrupted job, such as ``os.rename model``.
        points: Number of changes before which it was killed.
        wrong: What was wrong after the repetition, by the change before which it was killed.
    """

    changes: list[str]
    points: int = 0
    wrong: dict[str, str] = field(default_factory=dict)


def kill_everywhere(
    job: Job,
    check: Callable[[Path], object],
    scratch: Path,
    *,
    start: Path | None = None,
    ignored: Collection[str] = (),
    most: int | None = None,
) -> Figures:
    """Kills a job before each of its changes, repeats it, and checks the result.

    Args:
        job: Function of a module; it has to finish when it is called again after a kill.
        check: Called with the output folder after the repetition; fails if the result is wrong.
        scratch: Folder for the outputs; each is removed after its check.
        start: Folder that the output is a copy of before the job; None to begin without one.
        ignored: Names directly in the output in which changes do not count, such as ``logs``.
        most: Largest number of points, evenly spaced; None for all.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    whole = _output(scratch, "whole", start)
    figures = Figures(record_changes(job, whole, ignored=ignored))
    check(whole)
    total = len(figures.changes)
    step = 1 if most is None else max(1, -(-total // most))
    for number in range(0, total, step):
        output = _output(scratch, f"at-{number}", start)
        if not kill_before(number, job, output, ignored=ignored):
            break  # the number of changes may vary by a few where threads take part
        figures.points += 1
        try:
            run(job, output)
            check(output)
        except AssertionError as error:
            figures.wrong[f"{number}: {figures.changes[number]}"] = str(error)
        shutil.rmtree(output, ignore_errors=True)
    return figures


def run(job: Job, output: Path) -> None:
    """Runs a job in a child.

    Raises:
        AssertionError: It failed; the message is its traceback.
    """
    _run(job, output, None, ())


def record_changes(job: Job, output: Path, *, ignored: Collection[str] = ()) -> list[str]:
    """Runs a job in a child, and returns its changes below the output folder."""
    return _run(job, output, None, ignored)[1]


def kill_before(number: int, job: Job, output: Path, *, ignored: Collection[str] = ()) -> bool:
    """Runs a job until its change of this number, from 0; whether it came so far."""
    return _run(job, output, number, ignored)[0]


def _output(scratch: Path, name: str, start: Path | None) -> Path:
    output = scratch / name
    if start is not None:
        shutil.copytree(start, output, symlinks=True)
    return output


def _server() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(_PRELOADED)
    return context


def _run(
    job: Job, output: Path, stop: int | None, ignored: Collection[str]
) -> tuple[bool, list[str]]:
    with tempfile.NamedTemporaryFile("r", suffix=".json") as report:
        # The server has the environment of its start, not that of this test.
        arguments = (job, output, stop, tuple(ignored), report.name, dict(os.environ))
        child = _server().Process(target=_child, args=arguments)
        child.start()
        child.join(_PATIENCE)
        if child.exitcode is None:
            child.kill()
            child.join()
        if child.exitcode == _KILLED:
            return True, []
        told: dict[str, Any] = json.loads(report.read() or "{}")
        assert child.exitcode == 0, told.get("error", f"exit code {child.exitcode}")
        return False, told["changes"]


def _child(
    job: Job,
    output: Path,
    stop: int | None,
    ignored: tuple[str, ...],
    report: str,
    environment: dict[str, str],
) -> None:
    os.environ.clear()
    os.environ.update(environment)
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    gc.freeze()  # a collection would copy the memory of the server
    watch = _Watch(output, stop, ignored)
    watch.install()
    error = ""
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stderr(nowhere):
        try:
            job(output)
        except SystemExit as ended:
            error = f"exit code {ended.code}" if ended.code else ""
        except BaseException:
            error = traceback.format_exc()
    watch.enabled = False
    Path(report).write_text(json.dumps({"changes": watch.seen, "error": error}))
    os._exit(1 if error else 0)


class _Watch:
    """Counts the changes below a folder, and ends the process before one of them."""

    def __init__(self, below: Path, stop: int | None, ignored: tuple[str, ...]) -> None:
        self._below, self._stop = str(below), stop
        self._ignored = ignored
        self.seen: list[str] = []
        self.enabled = True

    def install(self) -> None:
        """Starts counting; Python cannot remove audit hooks, so only a child does this."""
        sys.addaudithook(self._audit)
        # These raise no audit event.
        for name in ("fsync", "posix_fallocate"):
            if hasattr(os, name):
                setattr(os, name, self._counting(f"os.{name}", getattr(os, name)))

    def _counting(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(descriptor: int, *arguments: Any) -> Any:
            self._change(name, _described(descriptor))
            return function(descriptor, *arguments)

        return counted

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if not self.enabled:
            return
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & _WRITES and not isinstance(path, int):
                self._change("open", os.fsdecode(path))
        elif event in _CHANGES:
            place = arguments[_CHANGES[event]]
            path = _described(place) if isinstance(place, int) else os.fsdecode(place)
            descriptor = arguments[-1]
            relative = not path.startswith("/") and isinstance(descriptor, int) and descriptor >= 0
            self._change(event, f"{_described(descriptor)}/{path}" if relative else path)

    def _change(self, event: str, path: str) -> None:
        place = path if path.startswith("/") else f"{Path.cwd()}/{path}"
        if place != self._below and not place.startswith(f"{self._below}/"):
            return
        inside = place[len(self._below) + 1 :]
        if inside.split("/")[0] in self._ignored:
            return
        if len(self.seen) == self._stop:
            os._exit(_KILLED)
        self.seen.append(f"{event} {inside}")


def _described(descriptor: int) -> str:
    return str(Path(f"/proc/self/fd/{descriptor}").readlink())
