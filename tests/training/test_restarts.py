"""A launcher restarts the processes of a training after one of them was killed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from faceswap.core.checkpoint import checkpoint_steps
from faceswap.training.build import run_training
from tests.core.launched import environment, free_port
from tests.training.tiny import configured, same, weights

SCRIPT = Path(__file__).with_name("tiny_machine.py")
SETTINGS = ["training.adapt_threads=false", "optimizer.ema=0.5"]


def launch(root, faces, *overrides, launcher="torchrun", **extra):
    """Trains with two processes under a launcher that restarts them; returns what it printed."""
    port = str(free_port())
    launchers = {
        "torchrun": ["torch.distributed.run", "--nproc-per-node=2", f"--master-port={port}"],
        "accelerate": [
            *("accelerate.commands.launch", "--multi_gpu", "--num_processes=2"),
            f"--main_process_port={port}",
        ],
    }
    module, *options = launchers[launcher]
    root.mkdir(exist_ok=True)
    options += ["--max-restarts=3" if launcher == "torchrun" else "--max_restarts=3"]
    ended = subprocess.run(
        [sys.executable, "-m", module, *options, SCRIPT, root, faces, *SETTINGS, *overrides],
        env=environment(**extra),
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("launcher", "kills"), [("torchrun", "1:7"), ("torchrun", "0:7"), ("accelerate", "1:0")]
)
def test_a_killed_process_changes_nothing(faces, tmp_path, launcher, kills):
    root = tmp_path / "faces"
    launch(tmp_path / "whole", root, "training.steps=12")
    launch(tmp_path / "killed", root, "training.steps=12", launcher=launcher, KILL=kills)
    assert (tmp_path / "killed" / "killed").exists()
    assert same(weights(tmp_path / "whole" / "run"), weights(tmp_path / "killed" / "run"))
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
