import json
from contextlib import contextmanager

import pytest

from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError, FacesetError, TrainingError
from faceswap.facesets.faceset import Faceset
from faceswap.training.run import run_directory
from faceswap.training.run.run_directory import RunDirectory, describe_facesets
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
    run = RunDirectory(tmp_path / "run")
    assert not run.exists()
    assert not run.start(config(), describe_facesets(facesets), ["faceswap", "train"]).changes
    (run.checkpoints / "step-00000001").mkdir(parents=True)
    return run


def test_a_start_is_recorded(run, facesets, tmp_path):
    assert run.exists()
    assert run.resolve_config(None) == config()
    assert run.resolve_config(None, ["optimizer.lr=1e-4"]).optimizer.lr == 1e-4
    assert run.stored_facesets() == {n: [tmp_path / n] for n in ("alice", "bob")}
    manifest = json.loads(run.manifest.read_text())
    assert (manifest["format"], manifest["version"]) == ("training-run", 1)
    assert manifest["command"] == "faceswap train"
    assert manifest["seed"] == 0
    assert manifest["data"]["alice"][0]["sha256"] == facesets["alice"][0].content_hash()
    assert manifest["data"]["bob"][0]["subject"]["basis"] == "self"
    assert manifest["starts"][0]["command"] == ["faceswap", "train"]
    assert "torch" in manifest["starts"][0]["versions"]


def test_recorded_places_do_not_undo_what_a_training_wrote(run, tmp_path, monkeypatch):
    hold = run_directory.hold_folder

    @contextmanager
    def hold_late(folder, purpose):
        # A training that ended between the first look and the lock.
        manifest = json.loads(run.manifest.read_text())
        manifest["starts"].append(manifest["starts"][0])
        run.manifest.write_text(json.dumps(manifest))
        with hold(folder, purpose):
            yield

    monkeypatch.setattr(run_directory, "hold_folder", hold_late)
    run.record_places({"alice": [tmp_path / "moved"]})
    assert run.stored_facesets()["alice"] == [tmp_path / "moved"]
    assert len(json.loads(run.manifest.read_text())["starts"]) == 2


@pytest.mark.parametrize(
    ("override", "name"),
    [
        ("model.name=small", "model.name"),
        ("data.coverage=1.5", "data.coverage"),
        ("seed=3", "seed"),
    ],
)
def test_the_model_the_split_and_the_seed_are_fixed(run, facesets, override, name):
    with pytest.raises(ConfigError, match=name):
        run.start(config(override), describe_facesets(facesets), [])
    assert run.resolve_config(None) == config()


def test_evaluations_with_other_references_are_not_comparable(run, facesets):
    data = describe_facesets(facesets)
    assert not run.start(config("optimizer.lr=1e-3"), data, []).outdates(1)
    start = run.start(config("data.references=6"), data, [])
    assert "data.references: 128 -> 6" in start.changes
    assert start.outdates(1)
    assert not start.outdates(2)
    assert run.start(config("data.references=6"), data, []).comparable_after == 1


def test_other_identities_are_refused(run, facesets):
    swapped = {"bob": facesets["bob"], "alice": facesets["alice"]}
    with pytest.raises(TrainingError, match="alice, bob -> bob, alice"):
        run.start(config(), describe_facesets(swapped), [])
    with pytest.raises(TrainingError, match="carol"):
        run.start(config(), describe_facesets({**facesets, "carol": facesets["bob"]}), [])


def test_other_faces_are_refused_unless_allowed(run, facesets):
    faceset = facesets["bob"][0]
    (faceset.path / "images" / faceset.faces()[0].image).unlink()
    with pytest.raises(TrainingError, match="bob has other content") as raised:
        run.start(config(), describe_facesets(facesets), [])
    assert "--allow-changes" in raised.value.hint
    start = run.start(config(), describe_facesets(facesets), [], allow_changes=True)
    assert start.changes == ("bob has other content",)
    # They are the run's data from now on.
    assert not run.start(config(), describe_facesets(facesets), []).changes


def test_edited_crops_are_accepted_and_said(run, facesets, tmp_path):
    contents = dict.fromkeys((tmp_path / "alice", tmp_path / "bob"), "1" * 64)
    now = describe_facesets(facesets, contents)
    assert run.edited_faces(now, {}) == []  # the run of an earlier version has no content
    run.start(config(), now, [])
    contents[tmp_path / "bob"] = "2" * 64
    now = describe_facesets(facesets, contents)
    edited = run.edited_faces(now, {tmp_path / "bob": 12})
    assert edited == ["12 crops or masks of bob were edited"]
    assert run.edited_faces(now, {}) == ["crops or masks of bob were edited"]
    start = run.start(config(), now, [], edited=edited)
    assert start.changes == tuple(edited)
    assert start.comparable_after == 1
    assert run.edited_faces(now, {}) == []


def test_a_moved_faceset_is_found_and_remembered(run, facesets, tmp_path):
    (tmp_path / "alice").rename(tmp_path / "elsewhere")
    with pytest.raises(FacesetError, match="alice is no longer in") as raised:
        run.find_facesets({})
    assert "--faces alice=" in raised.value.hint
    found = run.find_facesets({"alice": [tmp_path / "elsewhere"]})
    assert found == {"alice": [tmp_path / "elsewhere"], "bob": [tmp_path / "bob"]}
    moved = {name: [Faceset.open(path) for path in paths] for name, paths in found.items()}
    start = run.start(config(), describe_facesets(moved), [])
    assert start.changes == (f"alice moved: {tmp_path / 'alice'} -> {tmp_path / 'elsewhere'}",)
    assert start.comparable_after is None
    assert run.find_facesets({}) == found
