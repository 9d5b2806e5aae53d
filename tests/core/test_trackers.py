"""Trackers, with one that records what it is told."""

import json
from pathlib import Path
from typing import Any, ClassVar

import pytest
from accelerate import tracking

from faceswap.core import trackers as module
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.trackers import Trackers, check_trackers


class Recorder(tracking.GeneralTracker):
    """Stands in for a service; what was sent to it outlives a start."""

    name = "wandb"
    requires_logging_directory = False
    points: ClassVar[list[tuple[int, dict]]] = []
    begun: ClassVar[list[tuple[str, dict]]] = []
    settings: ClassVar[list[dict]] = []
    ended: ClassVar[list[bool]] = []

    def __init__(self, project: str, **arguments: Any) -> None:
        super().__init__()
        self._arguments = (project, arguments)

    @property
    def tracker(self) -> Any:
        return self

    def start(self) -> None:
        self.begun.append(self._arguments)

    def store_init_configuration(self, values: dict) -> None:
        self.settings.append(values)

    def log(self, values: dict, step: int | None = None, **kwargs: Any) -> None:
        assert step is not None
        self.points.append((step, values))

    def finish(self) -> None:
        self.ended.append(True)


@pytest.fixture(autouse=True)
def recorder(monkeypatch: pytest.MonkeyPatch) -> type[Recorder]:
    for name in ("points", "begun", "settings", "ended"):
        monkeypatch.setattr(Recorder, name, [])
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "wandb", Recorder)
    monkeypatch.setattr(module, "get_available_trackers", lambda: ["wandb"])
    return Recorder


def opened(tmp_path: Path, names: tuple[str, ...] = ("wandb",)) -> Trackers:
    settings = {"training": {"batch": 4, "compile": False}, "seed": None, "phases": [{"a": 1}]}
    return Trackers(names, tmp_path / "logs" / "trackers.json", "faceswap", "ab", settings)


def test_each_point_is_sent_once_over_a_kill_and_a_resume(tmp_path: Path) -> None:
    first = opened(tmp_path)
    for step in (2, 4):
        first.log({"loss": 1 / step}, step)
        first.log({"ssim": step}, step)
    # Killed after step 4, and resumed from a checkpoint of step 2.
    second = opened(tmp_path)
    for step in (4, 6):
        second.log({"loss": 1 / step}, step)
        second.log({"ssim": step}, step)
    second.close()
    assert Recorder.points == [
        (2, {"loss": 0.5}),
        (2, {"ssim": 2}),
        (4, {"loss": 0.25}),
        (4, {"ssim": 4}),
        (6, {"loss": pytest.approx(1 / 6)}),
        (6, {"ssim": 6}),
    ]
    assert Recorder.ended == [True]


def test_a_resumed_training_continues_its_run(tmp_path: Path) -> None:
    for _ in range(2):
        opened(tmp_path).close()
    opened(tmp_path / "other").close()
    (project, first), (_, second), (_, other) = Recorder.begun
    assert project == "faceswap"
    assert first == second
    assert (first["name"], first["resume"]) == ("ab", "allow")
    assert first["dir"] == str(tmp_path / "logs")
    assert other["id"] != first["id"]


def test_settings_are_stored_once(tmp_path: Path) -> None:
    for _ in range(2):
        opened(tmp_path)
    flat = {"training.batch": 4, "training.compile": False, "seed": "null"}
    assert Recorder.settings == [flat | {"phases": '[{"a": 1}]'}]


def test_what_is_not_finite_is_left_out(tmp_path: Path) -> None:
    opened(tmp_path).log({"a": float("nan"), "b": 1.0}, 2)
    assert Recorder.points == [(2, {"b": 1.0})]


def test_a_service_that_gives_its_own_identifiers(tmp_path, monkeypatch) -> None:
    class Hashed(Recorder):
        name = "aim"
        requires_logging_directory = True

        def __init__(self, project: str, folder: str, **arguments: Any) -> None:
            super().__init__(project, folder=folder, **arguments)
            self.hash = "8a7f"

    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "aim", Hashed)
    for _ in range(2):
        opened(tmp_path, ("aim",)).close()
    folder = str(tmp_path / "logs")
    assert [arguments for _, arguments in Recorder.begun] == [
        {"folder": folder, "experiment": "ab"},
        {"folder": folder, "run_hash": "8a7f"},
    ]


def test_a_tracker_that_fails_is_left_out_with_one_warning(tmp_path, monkeypatch, caplog) -> None:
    tracker = opened(tmp_path)

    def fails(*args, **kwargs):
        raise ConnectionError("no network")

    monkeypatch.setattr(Recorder, "log", fails)
    for step in (2, 4):
        tracker.log({"loss": 1.0}, step)
    tracker.close()
    [record] = caplog.records
    assert "wandb failed" in record.getMessage()
    assert "no network" in record.getMessage()


def test_a_tracker_that_cannot_be_started_is_an_error(tmp_path, monkeypatch) -> None:
    def fails(self):
        raise RuntimeError("no API key")

    monkeypatch.setattr(Recorder, "start", fails)
    with pytest.raises(ConfigError, match="'wandb' cannot be started: no API key"):
        opened(tmp_path)
    assert not (tmp_path / "logs").exists()


def test_without_trackers_nothing_is_written(tmp_path: Path) -> None:
    trackers = opened(tmp_path, ())
    trackers.log({"loss": 1.0}, 2)
    trackers.close()
    assert not list(tmp_path.iterdir())


def test_a_damaged_record_is_an_error(tmp_path: Path) -> None:
    opened(tmp_path).close()
    path = tmp_path / "logs" / "trackers.json"
    document = json.loads(path.read_text())
    document["trackers"]["wandb"]["steps"] = 7
    path.write_text(json.dumps(document))
    with pytest.raises(TrainingError, match=r"trackers\.json"):
        opened(tmp_path)


@pytest.mark.parametrize(
    ("names", "message", "hint"),
    [
        (["wandbb"], "Unknown tracker 'wandbb'", "Did you mean 'wandb'?"),
        (["comet_ml"], "'comet_ml' is not installed", "pip install comet-ml"),
        (["mlflow"], "'mlflow' is not installed", "pip install mlflow"),
        (["tensorboard"], "TensorBoard needs no tracker", "Remove it"),
        (["wandb", "wandb"], "'wandb' is twice", "Remove one"),
    ],
)
def test_trackers_that_cannot_be_used(names, message, hint) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        check_trackers(names)
    assert hint in caught.value.hint


def test_a_tracker_that_a_program_registers_can_be_used(monkeypatch) -> None:
    monkeypatch.setitem(tracking.LOGGER_TYPE_TO_CLASS, "mine", Recorder)
    check_trackers(["wandb", "mine"])
