"""Several conversions in a row: one that fails does not end the others."""

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from faceswap.conversion.output.report import ConvertReport
from faceswap.core.errors import FaceswapError, StorageFullError, WeightsUnavailable
from faceswap.core.files import atomic_write


@dataclass(frozen=True)
class Task:
    """The conversion of one source of a batch.

    Attributes:
        name: Name of the source.
        output: File or folder that is written.
        run: Callback that converts the source.
    """

    name: str
    output: Path
    run: Callable[[], ConvertReport]


@dataclass(frozen=True)
class Outcome:
    """How the conversion of one source ended.

    Attributes:
        name: Name of the source.
        report: Result; None if it failed.
        reason: Cause of the failure in one line; "" if it did not.
    """

    name: str
    report: ConvertReport | None = None
    reason: str = ""

    @property
    def state(self) -> str:
        """``converted``, ``kept``, ``failed``, or ``unfinished`` where other shards are missing."""
        if self.report is None:
            return "failed"
        if self.report.missing:
            return "unfinished"
        return "converted" if self.report.frames_now else "kept"


def run_batch(tasks: Iterable[Task], on_outcome: Callable[[Outcome], None]) -> list[Outcome]:
    """Runs conversions one after the other.

    A task that fails is reported; an error of this program also, with its traceback in a file
    ``NAME.error.log`` beside the output.

    Args:
        tasks: The conversions.
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


def _run(task: Task) -> Outcome:
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
