"""The engine of one process: item after item; one that fails does not end the others."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from faceswap.core.errors import FaceswapError, StorageFullError, WeightsUnavailable
from faceswap.core.files import atomic_write
from faceswap.engines.work import Outcome

R = TypeVar("R")


@dataclass(frozen=True)
class Task(Generic[R]):
    """The work on one item.

    Attributes:
        name: Name of the item.
        output: File or folder that is written.
        run: Callback that does the work, and returns a report.
    """

    name: str
    output: Path
    run: Callable[[], R]


def run_tasks(
    tasks: Iterable[Task[R]], on_outcome: Callable[[Outcome[R]], None] = lambda _: None
) -> list[Outcome[R]]:
    """Runs tasks one after the other.

    A task that fails is reported; an error of this program also, with its traceback in a file
    ``NAME.error.log`` beside the output.

    Args:
        tasks: The tasks.
        on_outcome: Callback for each of them when it has ended.

    Raises:
        StorageFullError: The disk is full: every other task would fail in the same way.
        WeightsUnavailable: Weights are missing, which all need.
    """
    outcomes = []
    for task in tasks:
        outcomes.append(_run(task))
        on_outcome(outcomes[-1])
    return outcomes


def _run(task: Task[R]) -> Outcome[R]:
    log = task.output.with_name(f"{task.output.name}.error.log")
    try:
        report = task.run()
    except (StorageFullError, WeightsUnavailable):
        raise
    except FaceswapError as error:
        return Outcome(task.name, reason=f"{error.message} {error.hint}".strip())
    except Exception as error:
        atomic_write(log, traceback.format_exc().encode(errors="replace"))
        what = f"{type(error).__name__}: {error}".splitlines()[0]
        return Outcome(task.name, reason=f"Unexpected error: {what}. Traceback: {log}")
    return Outcome(task.name, report)
