"""Tasks of which some fail."""

from collections.abc import Callable

import pytest

from faceswap.core.errors import FacesetError, StorageFullError
from faceswap.engines.local import Task, run_tasks
from faceswap.engines.work import Outcome


def fails(error: BaseException) -> Callable[[], int]:
    def run() -> int:
        raise error

    return run


def test_what_fails_is_reported_and_the_others_go_on(tmp_path):
    tasks = [
        Task("a", tmp_path / "a.mp4", lambda: 9),
        Task("b", tmp_path / "b.mp4", fails(FacesetError("No faces.", "Extract it."))),
        Task("c", tmp_path / "c.mp4", fails(ZeroDivisionError("division by zero\nmore"))),
        Task("d", tmp_path / "d.mp4", lambda: 0),
    ]
    seen: list[Outcome[int]] = []
    outcomes = run_tasks(tasks, seen.append)
    assert seen == outcomes
    assert [each.report for each in outcomes] == [9, None, None, 0]
    assert outcomes[1].reason == "No faces. Extract it."
    log = tmp_path / "c.mp4.error.log"
    assert outcomes[2].reason == (
        f"Unexpected error: ZeroDivisionError: division by zero. Traceback: {log}"
    )
    assert "in run\n    raise error" in log.read_text()
    assert [path.name for path in tmp_path.iterdir()] == [log.name]


def never() -> int:
    return pytest.fail("went on")


@pytest.mark.parametrize("error", [StorageFullError("full"), KeyboardInterrupt()])
def test_what_every_other_one_would_meet_ends_the_batch(tmp_path, error):
    later = Task("b", tmp_path / "b.mp4", never)
    with pytest.raises(type(error)):
        run_tasks([Task("a", tmp_path / "a.mp4", fails(error)), later], lambda _: None)
