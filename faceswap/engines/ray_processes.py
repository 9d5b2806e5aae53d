"""The processes of a run on a cluster: they plan items, do their parts and join them."""

import errno
import os
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from faceswap.core.errors import (
    FaceswapError,
    OutputBusyError,
    StorageFullError,
    WeightsUnavailable,
)
from faceswap.engines.joining import PartRow
from faceswap.engines.work import Item, Part, PartResult, Plan, Work

_AHEAD = 64  # parts that are planned and not begun
_POLL_S = 0.2
_PATIENCE_S = 120.0  # file systems give up the locks of a lost machine after about 90 s
_MOUNT_POLL_S = 5.0
_MOUNT_PATIENCE_S = 300.0
_PLANNING, _JOINING = -1, -2  # what an item needs beside its parts, in the ledger


class Attempt(NamedTuple):
    """What came of planning or joining an item, or of a part.

    Attributes:
        result: Result; None if it failed.
        reason: Cause of the failure; "" if there is none.
        fatal: Name of the error by which everything else would fail as well; "" for none.
    """

    result: Any
    reason: str = ""
    fatal: str = ""


class Station:
    """A process that holds the work of a run.

    Args:
        work: The work.
        folder: Working directory of the driver, which this process takes.
        ledger: Name of the ledger of the run.
        tries: Times that a part, planning or joining may end its process before it is reported.
    """

    def __init__(self, work: Work[Any], folder: str, ledger: str, tries: int) -> None:
        import ray

        self._ray = ray
        os.chdir(folder)  # paths mean the same everywhere
        self._work = work
        self._ledger = ray.get_actor(ledger)
        self._tries = tries

    def _ask(self, method: str, *args: Any) -> Any:
        return self._ray.get(getattr(self._ledger, method).remote(*args))

    def _attempt(
        self, number: int, item: Item, part: int, task: str, function: Callable[[], Any]
    ) -> Attempt:
        """As ``_patiently``, unless the process ended too often before while it did the same.

        An unexpected error ends the process as well, which others replace: the next try, and what
        else it would do, may need what the error left unusable, such as a GPU.

        Args:
            number: Number of the item.
            item: The item.
            part: Number of the part, or what else is done for the item.
            task: Description in the past tense, to follow "while it".
            function: Callback that does it.
        """
        missing = self._wait_for(item)
        if missing is not None:
            return Attempt(None, f"{missing} is not there on {platform.node()}.")
        if self._begin(number, part) > self._tries:
            ended = f"The process ended {self._tries} times while it {task}."
            return Attempt(None, self._ask("cause", number, part) or ended)
        try:
            return _patiently(function)
        except Exception as error:
            traceback.print_exc()  # into the logs of Ray
            self._ask("fail", number, part, _described(error))
            return _end_process()

    def _wait_for(self, item: Item) -> Path | None:
        """Waits while this machine lacks what the driver has seen, and others are at work.

        A machine whose shared file system is not mounted would otherwise soon fail all items.

        Returns:
            What it lacks still; None if nothing.
        """
        begun = time.monotonic()
        while missing := next((path for path in self._work.places(item) if _is_absent(path)), None):
            waited = min(time.monotonic() - begun, self._ask("quiet"))
            if waited > _MOUNT_PATIENCE_S:
                return missing
            time.sleep(_MOUNT_POLL_S)
        return None

    def _begin(self, item: int, part: int) -> int:
        """Takes note of a try; returns the number of tries so far."""
        node = self._ray.get_runtime_context().get_node_id()
        alive = [each["NodeID"] for each in self._ray.nodes() if each["Alive"]]
        return self._ask("begin", item, part, node, alive)


class Planner(Station):
    """Plans items, not much faster than workers do their parts."""

    def __call__(self, row: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Yields a row for each part of an item, one for an item without parts."""
        number, item = row["item"]
        plan = self._ask("plan_of", number)
        if plan is None:  # otherwise its parts are waited for already
            while self._ask("waiting") > _AHEAD:
                time.sleep(_POLL_S)
            plan = self._plan(number, item)
            parts = () if isinstance(plan, PartRow) else plan.parts
            self._ask("store_plan", number, plan, len(parts))
        if isinstance(plan, PartRow):
            yield {"part": (plan, None, None)}
        elif not plan.parts:
            yield {"part": (PartRow(number, -1, 0, plan.facts), None, None)}
        else:
            for index, part in enumerate(plan.parts):
                planned = PartRow(number, index, len(plan.parts), plan.facts)
                yield {"part": (planned, item, part)}

    def _plan(self, number: int, item: Item) -> Plan | PartRow:
        """The plan, or why there is none."""
        result, reason, fatal = self._attempt(
            number, item, _PLANNING, "planned the work", lambda: self._work.plan(item)
        )
        return PartRow(number, -1, 0, reason=reason, fatal=fatal) if result is None else result


class Worker(Station):
    """Does parts."""

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Does the part of each row."""
        return {"row": _column([self._done(*part) for part in batch["part"]])}

    def _done(self, row: PartRow, item: Item, part: Part | None) -> PartRow:
        if part is None:
            return row
        begun = time.monotonic()
        task = f"did part {row.part + 1}"
        result, reason, fatal = self._attempt(
            row.item, item, row.part, task, lambda: self._work.run(item, part)
        )
        seconds = time.monotonic() - begun
        return replace(row, result=result, reason=reason, fatal=fatal, seconds=seconds)


class Finisher(Station):
    """Joins the parts of items."""

    def is_ready(self) -> bool:
        """Whether the process has begun; otherwise it says why it cannot."""
        return True

    def finish(self, number: int, item: Item, facts: Any, results: Sequence[PartResult]) -> Attempt:
        """Joins the parts of an item; the result is the report on it."""
        task = "joined its parts"
        return self._attempt(
            number, item, _JOINING, task, lambda: self._work.finish(item, facts, results)
        )


def _column(values: Sequence[PartRow]) -> NDArray[np.object_]:
    """Values as a column of rows."""
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _is_absent(path: Path) -> bool:
    try:
        return not path.exists()
    except OSError:  # of a network
        return True


def _end_process() -> NoReturn:
    sys.stderr.flush()
    os._exit(1)


def _patiently(function: Callable[[], Any]) -> Attempt:
    """As ``_attempt``, but waits for the locks that a lost machine keeps for a while."""
    end = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return _attempt(function)
        except OutputBusyError as error:
            if time.monotonic() > end:
                return Attempt(None, _text(error))
            time.sleep(_POLL_S)


def _attempt(function: Callable[[], Any]) -> Attempt:
    """What came of a function.

    Errors of this program are not tried again: they would be the same.

    Raises:
        OutputBusyError: Another process does this work.
        Exception: An unexpected error.
    """
    try:
        return Attempt(function())
    except (StorageFullError, WeightsUnavailable) as error:
        return Attempt(None, _text(error), type(error).__name__)
    except OutputBusyError:
        raise
    except FaceswapError as error:
        return Attempt(None, _text(error))
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return Attempt(None, f"The disk is full: {error}.", StorageFullError.__name__)
        raise


def _described(error: Exception) -> str:
    where = traceback.extract_tb(error.__traceback__)[-1]
    text = f"{type(error).__name__}: {error}".splitlines()[0]
    return (
        f"Unexpected error in {where.filename}:{where.lineno}: {text}. "
        f"Its traceback is in the logs of Ray on {platform.node()}."
    )


def _text(error: FaceswapError) -> str:
    return f"{error.message} {error.hint}".strip()
