import json
import re
from pathlib import Path

import numpy as np
import pytest

from faceswap.media.images import write_image
from faceswap.training.monitoring import live_page as module
from faceswap.training.monitoring.live_page import LivePage
from faceswap.training.monitoring.memory_use import GIB, MemoryUse
from faceswap.training.monitoring.preview_files import preview_path
from faceswap.training.monitoring.step_report import StepReport
from faceswap.training.run.progress import PhaseEntry, Progress


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "previews").mkdir()
    return tmp_path


@pytest.fixture
def clock(monkeypatch):
    time = [1000.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: time[0])
    return time


def page_of(run: Path, step: int = 0, names: tuple[str, ...] = ("alice", "bob")) -> LivePage:
    return LivePage(run / "previews", "ab", names, step, run / "logs" / "curves.html")


def shown(run: Path) -> dict:
    text = (run / "previews" / "live.js").read_text()
    match = re.fullmatch(r"show\((.*)\);\n", text)
    assert match
    return json.loads(match[1])


def report(step: int, **values) -> StepReport:
    losses = {"alice": 1 / step, "bob": 2 / step}
    return StepReport(step, 60.0, step / 100, losses, 1e-4, 12.5, 0.021, **values)


def test_the_page_loads_nothing_but_its_own_files(run):
    page_of(run).open(Progress())
    text = (run / "previews" / "index.html").read_text()
    assert "//" not in text
    loaded = re.findall(r"""(?:src|href)\s*[=:]\s*"?([^;",>]+)""", text)
    assert sorted(loaded) == ["data.curves", "live.js?", "name", "timelapse.mp4?"]
    assert sorted(path.name for path in (run / "previews").iterdir()) == ["index.html", "live.js"]


def test_it_shows_numbers_previews_phases_and_links(run, clock):
    page = page_of(run)
    for step in (10, 20, 900):
        write_image(preview_path(run / "previews", step), np.zeros((4, 4, 3), np.uint8))
    page.open(Progress())
    phases = (PhaseEntry("first"), PhaseEntry("second", 5))
    memory = MemoryUse(3 * GIB, 4 * GIB)
    page.report(report(20, phase="second", phase_number=2, memory=memory, seconds_left=3700.0))
    page.update(Progress(step=20, phases=phases))
    found = shown(run)
    assert found["previews"] == [10, 20]
    assert found["phases"] == [["first", 0], ["second", 5]]
    assert found["points"] == [[20, 0.05, 0.1]]
    assert (found["state"], found["percent"]) == ("", "20%")
    assert (found["timelapse"], found["curves"]) == (0, "")
    assert dict(found["figures"]) == {
        "Step": "20",
        "Phase": "2, second",
        "Time": "0:01:00",
        "Time left": "1:01:40 of this budget",
        "Learning rate": "0.0001",
        "Steps per second": "0.00",
        "Faces per second": "12.5",
        "Waiting for data": "2.1%",
        "Memory": "3.00 GiB",
        "Peak memory": "4.00 GiB",
    }
    (run / "logs").mkdir()
    (run / "logs" / "curves.html").touch()
    (run / "previews" / "timelapse.mp4").touch()
    page.update(Progress(step=20))
    assert shown(run)["curves"] == "../logs/curves.html"
    assert shown(run)["timelapse"] > 0


def test_it_is_written_every_few_seconds(run, clock):
    page = page_of(run)
    page.open(Progress())
    for step in range(1, 12):
        clock[0] += 1
        page.report(report(step))
    assert [point[0] for point in shown(run)["points"]] == list(range(1, 11))
    assert shown(run)["interval"] == 5  # the page waits longer for news of slow trainings
    clock[0] += 300
    page.report(report(12))
    assert shown(run)["interval"] == 301


def test_losses_continue_after_the_checkpoint_that_is_resumed_from(run, clock):
    page = page_of(run)
    page.open(Progress())
    for step in (10, 20, 30):
        page.report(report(step))
    page.update(Progress(step=30))  # and killed
    page = page_of(run, 20)
    page.open(Progress(step=20))
    page.report(report(40))
    page.update(Progress(step=40))
    assert [point[0] for point in shown(run)["points"]] == [10, 20, 40]


def test_losses_of_other_identities_are_not_continued(run):
    page = page_of(run)
    page.report(report(10))
    page.open(Progress(step=10))
    page_of(run, 10, ("carol", "bob")).open(Progress(step=10))
    assert shown(run)["points"] == []


@pytest.mark.parametrize(
    "text", ["show(", "show({});\n", 'show({"identities":[],"points":[[{}]]});']
)
def test_damaged_data_are_replaced_with_a_warning(run, caplog, text):
    (run / "previews" / "live.js").write_text(text)
    page_of(run).open(Progress())
    assert shown(run)["points"] == []
    assert "begin anew" in caplog.text


def test_the_end_is_shown(run):
    page = page_of(run)
    page.open(Progress())
    page.close(Progress(step=1200))
    assert shown(run)["state"] == "Stopped at step 1,200; run the same command again to resume"
    page.close(Progress(step=1500, ended="the budget is used up"))
    assert shown(run)["state"] == "Ended at step 1,500: the budget is used up"


def test_a_start_that_fails_at_once_writes_nothing(run):
    page_of(run).close(Progress())
    assert list((run / "previews").iterdir()) == []


def test_names_cannot_leave_the_data(run):
    page = page_of(run, 0, ("</script><b>", "b\u2028\n"))
    page.open(Progress())
    text = (run / "previews" / "live.js").read_text()
    assert text.isascii()
    assert text.count("\n") == 1
    assert shown(run)["identities"][0] == "</script><b>"
