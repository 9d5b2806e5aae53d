from pathlib import Path

import pytest

from faceswap.core.errors import FaceswapError
from faceswap.demonstration.stages import Stages


class Work:
    def __init__(self, result: Path) -> None:
        self.result, self.times = result, 0

    def __call__(self) -> dict[str, float]:
        self.times += 1
        self.result.write_text("done")
        return {"faces": self.times}


def test_finished_stage_is_skipped(tmp_path):
    work = Work(tmp_path / "result")
    first = Stages(tmp_path / "stages.json").run("extract", {"seed": 1}, [work.result], work)
    again = Stages(tmp_path / "stages.json")
    assert again.run("extract", {"seed": 1}, [work.result], work) == first
    assert first["faces"] == 1
    assert first["seconds"] >= 0
    assert work.times == 1
    assert again.executed == []


@pytest.mark.parametrize("change", ["key", "name", "result gone"])
def test_changed_stage_is_executed(tmp_path, change):
    work = Work(tmp_path / "result")
    Stages(tmp_path / "stages.json").run("extract", {"seed": 1}, [work.result], work)
    if change == "result gone":
        work.result.unlink()
    name = "convert" if change == "name" else "extract"
    again = Stages(tmp_path / "stages.json")
    metrics = again.run(name, {"seed": 2 if change == "key" else 1}, [work.result], work)
    assert metrics["faces"] == work.times == 2
    assert again.executed == [name]


def test_failed_stage_is_not_recorded(tmp_path):
    def fail() -> dict[str, float]:
        raise KeyboardInterrupt

    stages = Stages(tmp_path / "stages.json")
    with pytest.raises(KeyboardInterrupt):
        stages.run("train", {}, [], fail)
    assert Stages(tmp_path / "stages.json").run("train", {}, [], lambda: {"steps": 5})["steps"] == 5


def test_damaged_file_is_reported(tmp_path):
    (tmp_path / "stages.json").write_text("{]")
    with pytest.raises(FaceswapError, match="damaged"):
        Stages(tmp_path / "stages.json")
