"""A launcher restarts the processes of a training after one of them was killed."""

import json
from pathlib import Path

import pytest

from faceswap.core.checkpoint import checkpoint_steps
from faceswap.training.build import run_training
from tests.core.launched import environment, launcher, run_to_end
from tests.training.tiny import configured, same, weights

SCRIPT = Path(__file__).with_name("tiny_machine.py")
SETTINGS = ["training.adapt_threads=false", "optimizer.ema=0.5"]


def launch(root, faces, *overrides, by="torchrun", **extra):
    """Trains with two processes under a launcher that restarts them; returns what it printed."""
    root.mkdir(exist_ok=True)
    restarts = "--max-restarts=3" if by == "torchrun" else "--max_restarts=3"
    command = [*launcher(by, restarts), SCRIPT, root, faces, *SETTINGS, *overrides]
    ended = run_to_end(command, environment(**extra))
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.fixture(scope="module")
def whole(make_faces, tmp_path_factory):
    """Folder of a training that nothing was killed in, beside its faces."""
    folder = tmp_path_factory.mktemp("whole")
    make_faces(folder / "faces")
    launch(folder, folder / "faces", "training.steps=12")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize(
    ("by", "kills"), [("torchrun", "1:7"), ("torchrun", "0:7"), ("accelerate", "1:0")]
)
def test_a_killed_process_changes_nothing(whole, tmp_path, by, kills):
    launch(tmp_path / "killed", whole / "faces", "training.steps=12", by=by, KILL=kills)
    assert (tmp_path / "killed" / "killed").exists()
    assert same(weights(whole / "run"), weights(tmp_path / "killed" / "run"))
    manifest = json.loads((tmp_path / "killed" / "run" / "manifest.json").read_text())
    assert len(manifest["starts"]) == 2
    assert checkpoint_steps(tmp_path / "killed" / "run" / "checkpoints")[-1] == 12
    # Neither locks nor temporary files are left.
    assert [path.name for path in (tmp_path / "killed" / "run").rglob(".*")] == []


@pytest.mark.slow
def test_fewer_processes_resume_with_the_same_batches(faces, tmp_path):
    extra = ["model.options.dropout=0.0"]  # dropout differs by rank
    root = tmp_path / "faces"
    whole = run_training(
        configured(*SETTINGS, *extra, "training.steps=12"), faces, tmp_path / "one"
    )
    launch(tmp_path / "two", root, *extra, "training.steps=5")
    first = json.loads((tmp_path / "two" / "result-0.json").read_text())["losses"]
    run = tmp_path / "two" / "run"
    rest = run_training(configured(*SETTINGS, *extra, "training.steps=12"), faces, run)
    for name, losses in whole.losses.items():
        assert first[name] + rest.losses[name] == pytest.approx(losses, abs=1e-4)
