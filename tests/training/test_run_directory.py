import json

import pytest

from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError, IdentityError, TrainingError
from faceswap.facesets.faceset import Faceset
from faceswap.training.run_directory import RunDirectory
from faceswap.training.settings import TrainConfig


def config(*overrides):
    return load_config(TrainConfig, "faceswap", "v1", overrides)


@pytest.fixture
def facesets(make_faceset, tmp_path):
    return {
        name: [Faceset.open(make_faceset(tmp_path / name, faces=4, size=16))]
        for name in ("alice", "bob")
    }


@pytest.fixture
def run(facesets, tmp_path):
    directory = RunDirectory(tmp_path / "run")
    assert not directory.exists()
    assert directory.begin(config(), facesets, ["faceswap", "train"]) == []
    return directory


def test_what_was_started_is_written_down(run, facesets, tmp_path):
    assert run.exists()
    assert run.stored_config() == config()
    assert run.stored_config(["optimizer.lr=1e-4"]).optimizer.lr == 1e-4
    assert run.stored_facesets() == {n: [tmp_path / n] for n in ("alice", "bob")}
    manifest = json.loads(run.manifest.read_text())
    assert manifest["seed"] == 0
    assert manifest["identities"]["alice"][0]["sha256"] == facesets["alice"][0].content_hash()
    assert manifest["identities"]["bob"][0]["subject"]["basis"] == "self"
    assert manifest["starts"][0]["command"] == ["faceswap", "train"]
    assert "torch" in manifest["starts"][0]["versions"]


def test_changes_are_said_and_kept(run, facesets):
    changed = config("optimizer.lr=1e-4", "training.batch=8")
    assert run.begin(changed, facesets, []) == [
        "optimizer.lr: 5e-05 -> 0.0001",
        "training.batch: 16 -> 8",
    ]
    assert run.stored_config() == changed
    assert run.begin(changed, facesets, []) == []
    assert len(json.loads(run.manifest.read_text())["starts"]) == 3


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("model.name=small", "model.name"),
        ("data.coverage=1.5", "data.coverage"),
        ("seed=3", "seed"),
    ],
)
def test_what_the_weights_depend_on_cannot_change(run, facesets, override, name):
    with pytest.raises(ConfigError, match=name):
        run.begin(config(override), facesets, [])
    assert run.stored_config() == config()


def test_other_identities_are_refused(run, facesets):
    swapped = {"bob": facesets["bob"], "alice": facesets["alice"]}
    with pytest.raises(IdentityError, match="alice, bob"):
        run.begin(config(), swapped, [])
    with pytest.raises(IdentityError, match="carol"):
        run.begin(config(), {**facesets, "carol": facesets["bob"]}, [])


def test_other_faces_are_refused(run, facesets):
    faceset = facesets["bob"][0]
    (faceset.path / "images" / faceset.faces()[0].image).unlink()
    with pytest.raises(TrainingError, match=r"'bob'.*4 then, 3 now"):
        run.begin(config(), facesets, [])


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"x")
    with pytest.raises(TrainingError, match="not the folder of a training"):
        RunDirectory(tmp_path / "photos").exists()
    with pytest.raises(TrainingError):
        RunDirectory(tmp_path / "photos" / "a.jpg").exists()
    (tmp_path / "empty").mkdir()
    assert not RunDirectory(tmp_path / "empty").exists()
