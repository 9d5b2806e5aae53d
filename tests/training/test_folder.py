"""What a training does with a folder that is in use, damaged, full, or the user's own."""

import json
import shutil
from pathlib import Path

import pytest

from faceswap.core.checkpoint import checkpoint_steps
from faceswap.core.errors import (
    FaceswapError,
    OutputBusyError,
    StorageFullError,
    TrainingError,
    UnsafeNameError,
)
from faceswap.core.locks import hold_folder
from faceswap.training.build import run_training
from faceswap.training.run.run_directory import RunDirectory
from tests.training.tiny import configured, exported, same

CONFIG = configured("training.steps=2")


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(faces, tmp_path) -> Path:
    """A finished run of two steps."""
    run_training(CONFIG, faces, tmp_path / "run")
    return tmp_path / "run"


def test_a_folder_in_use_is_left_alone(faces, tmp_path):
    with hold_folder(tmp_path / "run", "another training"):
        with pytest.raises(OutputBusyError, match="another training of process"):
            run_training(CONFIG, faces, tmp_path / "run")
        assert {path.name for path in (tmp_path / "run").iterdir()} == {".lock", ".lock-holder"}
    run_training(CONFIG, faces, tmp_path / "run")


def keep_model(run: Path) -> None:
    for path in run.iterdir():
        if path.name not in ("model", "manifest.json"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda run: shutil.rmtree(run / "checkpoints"), r"model, previews\) but no checkpoints"),
        (lambda run: [shutil.rmtree(p) for p in run.glob("checkpoints/step-*")], "no checkpoints"),
        (keep_model, "no checkpoints"),
        (lambda run: (run / "config.yaml").unlink(), r"no config\.yaml"),
        (lambda run: (run / "config.yaml").write_text(""), r"no config\.yaml"),
        (lambda run: (run / "manifest.json").unlink(), r"no manifest\.json"),
        (lambda run: (run / "manifest.json").write_text(""), r"manifest\.json"),
    ],
)
def test_a_run_that_lost_a_part_of_itself_is_not_begun_anew(faces, run, damage, said):
    damage(run)
    before = contents(run)
    for changes in (False, True):
        with pytest.raises(TrainingError, match=said):
            run_training(configured("training.steps=3"), faces, run, allow_changes=changes)
    assert contents(run) == before


def test_a_lost_model_is_made_up(faces, run):
    step, before = exported(run)
    shutil.rmtree(run / "model")
    (run / "checkpoints" / "best").unlink()
    run_training(CONFIG, faces, run)
    assert exported(run)[0] == step
    assert same(exported(run)[1], before)
    assert (run / "checkpoints" / "best").is_file()


def test_a_stale_model_is_replaced(faces, run):
    other = run.with_name("other")
    run_training(configured("training.steps=1"), faces, other)
    step, right = exported(run)
    assert not same(right, exported(other)[1])
    shutil.rmtree(run / "model")
    shutil.copytree(other / "model", run / "model")
    run_training(CONFIG, faces, run)
    assert exported(run)[0] == step
    assert same(exported(run)[1], right)


def test_the_run_of_another_command_is_refused(faces, run):
    manifest = json.loads((run / "manifest.json").read_text())
    (run / "manifest.json").write_text(json.dumps(manifest | {"command": "classifier train"}))
    with pytest.raises(TrainingError, match="is a run of `classifier train`"):
        run_training(CONFIG, faces, run)


def test_names_from_a_manifest_are_not_paths(faces, run, tmp_path):
    victim = tmp_path / "victim" / f"x-{'0' * 16}.npy"
    victim.parent.mkdir()
    victim.write_bytes(b"mine")
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["data"]["../../victim/x"] = manifest["data"].pop("alice")
    (run / "manifest.json").write_text(json.dumps(manifest))
    before = contents(tmp_path)
    with pytest.raises(FaceswapError, match="victim"):
        RunDirectory(run).stored_facesets()
    named = {"../../victim/x": faces["alice"], "bob": faces["bob"]}
    for output in (run, tmp_path / "new"):
        with pytest.raises(FaceswapError, match="victim"):
            run_training(CONFIG, named, output, allow_changes=True)
    with pytest.raises(UnsafeNameError):
        run_training(CONFIG, named, tmp_path / "new")
    assert contents(tmp_path) == before


def test_a_file_above_the_limit_leaves_earlier_checkpoints(faces, run):
    resource = pytest.importorskip("resource")
    before, limit = contents(run / "checkpoints"), resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limit[1]))
    try:
        with pytest.raises(StorageFullError, match=r"step-00000004 would be larger"):
            run_training(configured("training.steps=4"), faces, run)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert contents(run / "checkpoints") == before
    assert run_training(configured("training.steps=4"), faces, run).step == 4
    assert checkpoint_steps(run / "checkpoints")[-1] == 4
