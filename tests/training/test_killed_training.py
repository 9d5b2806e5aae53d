"""A training killed between any two changes to its folder ends as an uninterrupted one."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from faceswap.core.checkpoint import checkpoint_steps, load_checkpoint, pointed_step
from faceswap.core.config import load_config
from faceswap.media.video import VideoReader
from faceswap.models.registry import models
from faceswap.training.build import run_training
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.measurement import Measured
from faceswap.training.monitoring.report import Reporter
from faceswap.training.settings import TrainConfig
from tests.core.event_copies import repeat_everywhere
from tests.training.tiny import tiny

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")
SSIM = {
    0: 0.2,
    1: 0.9,
    2: 0.5,
    3: 0.6,
    4: 0.7,
}  # of each save: the best, one that is not, and the last
SETTINGS = [
    *("model.name=tiny", "training.device=cpu", "training.precision=fp32", "training.steps=4"),
    *("training.batch=2", "training.adapt_threads=false", "data.minimum=4", "data.held_out=0.25"),
    *("output.save_every=1", "output.keep=2", "output.preview_every=1000", "output.log_every=1"),
    *("optimizer.ema=0.5", "optimizer.lr=2e-3"),
]


@pytest.fixture(autouse=True)
def tiny_model_with_known_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(models._entries, "tiny", tiny)
    scores = {step: {"alice": Quality(ssim, 0.1)} for step, ssim in SSIM.items()}
    monkeypatch.setattr(Reporter, "measure", lambda self, step: Measured(scores[step]))


def train(output: Path) -> None:
    """Trains for a few steps."""
    faces = {name: [output.parents[1] / "faces" / name] for name in ("alice", "bob")}
    run_training(load_config(TrainConfig, "faceswap", None, SETTINGS), faces, output)


def leftovers(output: Path) -> list[str]:
    return [path.name for path in output.rglob(".*")]


def check(output: Path) -> None:
    """Compares a run with the uninterrupted one beside it."""
    whole = output.with_name("whole")
    assert leftovers(output) == []
    assert checkpoint_steps(output / "checkpoints") == [1, 3, 4]
    assert (output / "checkpoints" / "latest").read_text() == "step-00000004"
    assert pointed_step(output / "checkpoints", "best") == 1
    for name in ("best", "latest"):
        one, other = (load_checkpoint(path / "checkpoints", name) for path in (output, whole))
        assert one is not None
        assert other is not None
        for group, tensors in one.tensors.items():
            for key, value in tensors.items():
                assert torch.equal(value, other.tensors[group][key]), (name, group, key)
        for progress in (one.state["progress"], other.state["progress"]):
            del progress["seconds"]
        assert one.state == other.state
    model = output / "model"
    assert json.loads((model / "model.json").read_text())["step"] == 1
    for name in ("model.json", "model.safetensors"):
        assert (model / name).read_bytes() == (whole / "model" / name).read_bytes()
    averaged = load_file(output / "checkpoints" / "step-00000001" / "ema.safetensors")
    for name, value in load_file(model / "model.safetensors").items():
        assert torch.equal(value, averaged[name])
    shown = sorted(path.name for path in (output / "previews").iterdir())
    assert shown == ["index.html", "live.js", "step-00000004.jpg", "timelapse.mp4"]
    assert len(list(VideoReader(output / "previews" / "timelapse.mp4"))) == 1


def kill(make_faceset, tmp_path: Path, most: int | None) -> None:
    for name in ("alice", "bob"):
        make_faceset(tmp_path / "faces" / name, faces=8)
    output = tmp_path / "runs" / "out"
    figures = repeat_everywhere(train, check, output, ignored=("logs", "cache"), most=most)
    print(f"{figures.points} states of {len(figures.changes)}, {len(figures.wrong)} wrong")
    assert figures.wrong == {}
    # A finished run checks itself.
    before = {path: path.stat().st_mtime_ns for path in (output / "model").iterdir()}
    train(output)
    assert {path: path.stat().st_mtime_ns for path in (output / "model").iterdir()} == before


def test_a_training_killed_at_some_changes_ends_as_an_uninterrupted_one(make_faceset, tmp_path):
    kill(make_faceset, tmp_path, most=6)


@pytest.mark.slow
def test_a_training_killed_at_any_change_ends_as_an_uninterrupted_one(make_faceset, tmp_path):
    kill(make_faceset, tmp_path, most=None)
