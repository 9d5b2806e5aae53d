"""What is recorded of a run, and what may change when it is resumed."""

import json
from typing import ClassVar

import pytest
from pydantic import Field

from faceswap.core.config import StrictModel
from faceswap.core.errors import ConfigError, TrainingError
from faceswap.core.run_folder import RunFolder
from faceswap.core.run_manifest import Start


class Network(StrictModel):
    name: str = Field(default="lenet5", description="Name.")
    options: dict[str, int] = Field(default={}, description="Options.")


class Settings(StrictModel):
    seed: int = Field(default=0, description="Seed.")
    lr: float = Field(default=0.1, description="Learning rate.")
    batch: int = Field(default=16, description="Batch size.")
    network: Network = Network()


class Run(RunFolder[Settings]):
    schema: ClassVar[type[StrictModel]] = Settings
    section: ClassVar[str] = "classifier"
    fixed: ClassVar[tuple[str, ...]] = ("seed", "network")


DATA = {"train": [{"path": "a", "sha256": "1" * 64}]}


@pytest.fixture
def run(tmp_path):
    run = Run(tmp_path / "run")
    assert run.start(Settings(), DATA, ["classifier", "train"]) == Start()
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    return run


def test_changes_are_returned_and_kept(run):
    changed = Settings(lr=0.2, batch=8)
    assert run.start(changed, DATA, []) == Start(("lr: 0.1 -> 0.2", "batch: 16 -> 8"))
    assert run.resolve_config(None) == changed
    assert run.start(changed, DATA, []) == Start()
    assert len(json.loads(run.manifest.read_text())["starts"]) == 3


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        (Settings(seed=1), "seed: 0 -> 1"),
        (Settings(network=Network(name="mlp")), "network.name"),
        (Settings(network=Network(options={"width": 2})), "network.options"),
    ],
)
def test_fixed_settings_change_only_by_an_explicit_option(run, settings, name):
    with pytest.raises(ConfigError, match=name) as raised:
        run.start(settings, DATA, [])
    assert "--allow-changes" in raised.value.hint
    assert run.resolve_config(None) == Settings()
    start = run.start(settings, DATA, [], allow_changes=True)
    assert name in start.changes[0]
    assert start.outdates(1)
    assert not start.outdates(2)
    # A start that is killed before its first save leaves it to the next one.
    assert run.start(settings, DATA, []).comparable_after == 1
    assert run.resolve_config(None) == settings


def test_other_data_are_refused(run):
    with pytest.raises(TrainingError, match="train has other content"):
        run.start(Settings(), {"train": [{"path": "a", "sha256": "2" * 64}]}, [])
    with pytest.raises(TrainingError, match="train -> test"):
        run.start(Settings(), {"test": DATA["train"]}, [])


def test_nothing_is_written_by_other_processes(tmp_path):
    run = Run(tmp_path / "run")
    run.start(Settings(), DATA, [], write=False)
    assert not run.path.exists()


def test_a_model_without_checkpoints_is_not_trained_over(run):
    run.model.mkdir()
    (run.checkpoints / "step-00000001").rmdir()
    with pytest.raises(TrainingError, match="no checkpoints to resume from"):
        run.start(Settings(), DATA, [])


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(TrainingError, match="not the folder of a training"):
        Run(tmp_path / "photos").exists()
    with pytest.raises(TrainingError):
        Run(tmp_path / "photos" / "a.jpg").exists()
    (tmp_path / "empty").mkdir()
    assert not Run(tmp_path / "empty").exists()


def test_without_checkpoints_everything_may_change(run):
    (run.checkpoints / "step-00000001").rmdir()
    assert run.start(Settings(seed=1), {"test": DATA["train"]}, []) == Start()
    assert run.resolve_config(None).seed == 1


@pytest.mark.parametrize("damage", [{"data": None}, {"data": {"train": [{}]}}, {"starts": None}])
def test_a_damaged_manifest_is_reported(run, damage):
    manifest = json.loads(run.manifest.read_text())
    run.manifest.write_text(json.dumps(manifest | damage))
    with pytest.raises(TrainingError, match="is damaged"):
        run.start(Settings(), DATA, [])


def test_a_manifest_of_a_newer_version_is_refused(run):
    manifest = json.loads(run.manifest.read_text())
    run.manifest.write_text(json.dumps(manifest | {"version": 99}))
    with pytest.raises(TrainingError, match="version 99"):
        run.start(Settings(), DATA, [])
