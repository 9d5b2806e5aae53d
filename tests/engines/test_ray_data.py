"""The engine for clusters, on processes of this machine."""

import importlib.util
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceswap.core.errors import ConfigError, StorageFullError
from faceswap.engines.ray_data import Progress, RayEngine, RayOptions, connected
from tests.engines.arithmetic import Addition, Elsewhere, Sum

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="the extra `ray` is not installed"
)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def engine() -> Iterator[RayEngine]:
    """One connection for all tests: its processes find the modules of the tests."""
    modules = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    # A job has set a variable of this program already.
    job = {"runtime_env": {"env_vars": {"FACESWAP_TEST": "1"}}}
    with pytest.MonkeyPatch.context() as changed:
        changed.setenv("PYTHONPATH", modules)
        changed.delenv("RAY_ADDRESS", raising=False)
        changed.setenv("FACESWAP_TEST", "1")
        changed.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", json.dumps(job))
        with connected(RayOptions(tries=3, device="cpu")) as engine:
            yield engine


def test_no_cluster_at_the_address_is_said_at_once():
    with (
        pytest.raises(ConfigError, match="There is no cluster"),
        connected(RayOptions("127.0.0.1:1")),
    ):
        pass


def squares(item: Sum) -> int:
    return sum(number**2 for number in item.numbers)


def test_what_goes_wrong_with_one_item_leaves_the_others(engine, tmp_path):
    names = ["good", "killed", "wrong", "deadly", "moody", "wrong_plan", "faulty", "last"]
    items = [Sum(name, (n, n + 1, n + 2)) for n, name in enumerate(names)]
    seen: list[Progress] = []
    outcomes = [*engine.run(Addition(tmp_path), items, seen.append)]
    reports = {each.name: each.report for each in outcomes}
    good = {"good", "killed", "moody", "last"}
    assert [each.name for each in outcomes] == names
    assert reports == {i.name: squares(i) if i.name in good else None for i in items}
    reasons = {each.name: each.reason for each in outcomes if each.reason}
    assert reasons.keys() == {*names} - good
    assert reasons["wrong"] == "It cannot be read. Copy it again."
    assert reasons["deadly"] == "The process ended 3 times while it did part 1."
    assert reasons["wrong_plan"] == "It cannot be read. Copy it again."
    assert reasons["faulty"].startswith("Unexpected error in ")
    assert "ZeroDivisionError: division by zero." in reasons["faulty"]
    assert (tmp_path / "order").read_text().split() == [name for name in names if name in good]
    assert (tmp_path / "deadly.tries").read_text() == "..."
    # Every part was done once, those beside a failure too.
    logs = {file.stem: len(file.read_text().split()) for file in tmp_path.glob("*.log")}
    failed = {f"{i.name}-{i.numbers[0]}" for i in items if i.name not in good}
    parts = {f"{i.name}-{n}" for i in items for n in i.numbers if i.name != "wrong_plan"}
    assert logs == dict.fromkeys(parts - failed, 1)
    assert (seen[-1].items, seen[-1].failed) == (8, 4)
    assert seen[-1].frames == len(parts - failed)

    again = [*engine.run(Addition(tmp_path), items[:1])]
    assert [(each.report, each.parts) for each in again] == [(squares(items[0]), 0)]


def test_processes_that_end_while_they_plan_or_join_leave_the_others_in_their_order(
    engine, tmp_path
):
    names = ["killed_finish", "good", "deadly_plan", "deadly_finish", "killed_plan", "last"]
    items = [Sum(name, (n, n + 1)) for n, name in enumerate(names)]
    outcomes = [*engine.run(Addition(tmp_path), items)]
    good = [name for name in names if not name.startswith("deadly")]
    reports = {each.name: each.report for each in outcomes}
    assert reports == {i.name: squares(i) if i.name in good else None for i in items}
    assert {each.name: each.reason for each in outcomes if each.reason} == {
        "deadly_plan": "The process ended 3 times while it planned the work.",
        "deadly_finish": "The process ended 3 times while it joined its parts.",
    }
    assert (tmp_path / "order").read_text().split() == good
    assert (tmp_path / "deadly_plan.tries").read_text() == "..."
    assert (tmp_path / "deadly_finish.tries").read_text() == "..."


def test_items_that_need_no_order_are_finished_once_each(engine, tmp_path):
    items = [Sum("some", (1, 2)), Sum("one", (3,)), Sum("another", (4,))]
    outcomes = [*engine.run(Addition(tmp_path, ordered=False), items)]
    assert {each.name: each.report for each in outcomes} == {i.name: squares(i) for i in items}
    assert sorted((tmp_path / "order").read_text().split()) == ["another", "one", "some"]


def test_a_full_disk_ends_the_run(engine, tmp_path):
    items = [Sum("full", (1,)), Sum("good", (2,))]
    with pytest.raises(StorageFullError, match="The disk is full"):
        list(engine.run(Addition(tmp_path), items))


def test_processes_that_cannot_begin_end_the_run_with_their_error(engine, tmp_path):
    with pytest.raises(ConfigError, match="The folder is not on this machine"):
        list(engine.run(Elsewhere(tmp_path), [Sum("good", (1,))]))
