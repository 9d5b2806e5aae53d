"""What the processes of a run do, without a cluster."""

import errno
import platform
import re
from pathlib import Path
from typing import Any

import pytest

import faceswap.engines.ray_processes as ray_processes
from faceswap.core.errors import MediaError, OutputBusyError, StorageFullError, WeightsUnavailable
from faceswap.engines.ledger import Ledger
from faceswap.engines.ray_processes import Finisher, Planner
from tests.engines.arithmetic import Addition, Sum


class Ended(BaseException):
    """The end of a process."""


@pytest.fixture(autouse=True)
def _ending(monkeypatch):
    def end() -> None:
        raise Ended

    monkeypatch.setattr(ray_processes, "_end_process", end)


def station(kind: Any, work: object, ledger: Ledger) -> Any:
    """A process of a run that asks a ledger in this process."""
    made = kind.__new__(kind)
    made._work, made._tries = work, 2
    made._ask = lambda method, *args: getattr(ledger, method)(*args)
    made._begin = lambda item, part: ledger.begin(item, part, "here", ["here"])
    return made


def test_an_item_that_is_planned_again_has_the_same_parts_at_once(tmp_path, monkeypatch):
    def wait(_seconds: float) -> None:
        pytest.fail("it waits for parts that nobody begins")

    monkeypatch.setattr(ray_processes.time, "sleep", wait)
    ledger, item = Ledger(), Sum("many", tuple(range(100)))
    planner = station(Planner, Addition(tmp_path), ledger)
    rows = planner({"item": (5, item)})
    first = [next(rows)["part"] for _ in range(3)]
    (tmp_path / "many-0").touch()  # done meanwhile
    again = [
        row["part"] for row in station(Planner, Addition(tmp_path), ledger)({"item": (5, item)})
    ]
    assert [row.part for row, _, _ in again] == list(range(100))
    assert again[:3] == first
    assert ledger.waiting() == 100


class Raising:
    """Work whose every function raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def places(self, _item: object) -> list[Path]:
        return []

    def plan(self, _item: object) -> Any:
        raise self.error

    def finish(self, *_: object) -> Any:
        raise self.error


@pytest.mark.parametrize(
    ("error", "fatal"),
    [
        (StorageFullError("full"), "StorageFullError"),
        (WeightsUnavailable("missing"), "WeightsUnavailable"),
        (OSError(errno.ENOSPC, "No space left on device"), "StorageFullError"),
        (MediaError("broken"), ""),
    ],
)
def test_errors_of_planning_and_joining_say_whether_they_concern_all(error, fatal):
    (row,) = station(Planner, Raising(error), Ledger())({"item": (0, Sum("a", (1,)))})
    assert (row["part"][0].fatal, row["part"][0].part) == (fatal, -1)
    report, reason, found = station(Finisher, Raising(error), Ledger()).finish(0, None, None, [])
    assert (report, found) == (None, fatal)
    assert str(getattr(error, "message", error)) in reason


def test_an_unexpected_error_ends_the_process_and_is_reported_after_the_last_try(capsys):
    work, ledger = Raising(ZeroDivisionError("oh")), Ledger()
    for _ in range(2):
        with pytest.raises(Ended):
            station(Finisher, work, ledger).finish(0, None, None, [])
        with pytest.raises(Ended):
            list(station(Planner, work, ledger)({"item": (0, Sum("a", (1,)))}))
    assert capsys.readouterr().err.count("Traceback (most recent call last)") == 4
    attempt = station(Finisher, work, ledger).finish(0, None, None, [])
    (row,) = station(Planner, work, ledger)({"item": (0, Sum("a", (1,)))})
    for reason in (attempt.reason, row["part"][0].reason):
        assert re.match(
            r"Unexpected error in \S+test_ray_processes\.py:\d+: ZeroDivisionError: oh\. "
            rf"Its traceback is in the logs of Ray on {re.escape(platform.node())}\.",
            reason,
        )


def test_a_machine_without_the_shared_files_waits_while_others_work(tmp_path, monkeypatch):
    ledger, item, clock = Ledger(), Sum("late", (1,)), [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds
        if clock[0] < 1000:  # others are at work
            ledger.begin(1, 0, "there", ["here", "there"])
        elif clock[0] > 5000:
            pytest.fail("it waits for ever")

    monkeypatch.setattr(ray_processes.time, "sleep", sleep)
    monkeypatch.setattr(ray_processes.time, "monotonic", lambda: clock[0])
    planner = station(Planner, Addition(tmp_path / "absent"), ledger)
    (row,) = planner({"item": (0, item)})
    assert row["part"][0].reason == f"{tmp_path / 'absent'} is not there on {platform.node()}."
    assert 1000 < clock[0] < 1400


def test_a_lock_that_another_process_holds_is_waited_for(monkeypatch):
    class Held(Raising):
        def finish(self, *_: object) -> str:
            if left.pop():
                raise OutputBusyError("busy")
            return "report"

    left = [False, True, True]
    monkeypatch.setattr(ray_processes, "_POLL_S", 0.0)
    assert station(Finisher, Held(MediaError("?")), Ledger()).finish(0, None, None, []) == (
        "report",
        "",
        "",
    )
    left = [True] * 1000
    monkeypatch.setattr(ray_processes, "_PATIENCE_S", 0.0)
    assert station(Finisher, Held(MediaError("?")), Ledger()).finish(0, None, None, []) == (
        None,
        "busy",
        "",
    )
