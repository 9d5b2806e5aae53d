"""A training killed between any two changes to its folder ends as an uninterrupted one."""

import json
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from classifier.models.model_file import load_model
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.state import EpochResult
from faceswap.core.checkpoint import checkpoint_steps, load_checkpoint, pointed_step
from tests.core.event_copies import repeat_everywhere

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc/self/fd")
SCORES = {1: 0.5, 2: 0.9, 3: 0.6, 4: 0.7}  # of each epoch: the best, one that is not, and the last
SETTINGS = [
    *("epochs=4", "network.name=perceptron", "network.size=8", "data.batch_size=4", "keep=2"),
    *("device=cpu", "precision=fp32", "data.validation=0.5"),
]
TIMES = ("seconds", "epoch_seconds", "images_per_second")


@pytest.fixture(autouse=True)
def known_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EpochResult, "score", lambda self, task: SCORES[self.epoch])


def train(output: Path) -> None:
    """Trains for a few epochs, and saves after every step."""
    folder = RunDirectory(output)
    settings = folder.resolve_config(None, SETTINGS)
    run_training(output.parents[1] / "halves", settings, folder, save_seconds=0.0)


def without_times(value):
    if isinstance(value, dict):
        return {name: without_times(one) for name, one in value.items() if name not in TIMES}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def check(output: Path) -> None:
    """Compares a run with the uninterrupted one beside it."""
    whole = output.with_name("whole")
    assert [path.name for path in output.rglob(".*")] == []
    names = (output / "checkpoints", whole / "checkpoints")
    assert checkpoint_steps(names[0]) == checkpoint_steps(names[1])
    assert [pointed_step(names[0], which) for which in ("best", "latest")] == [4, 8]
    for which in ("best", "latest"):
        one, other = (load_checkpoint(root, which) for root in names)
        assert one is not None
        assert other is not None
        for group, tensors in one.tensors.items():
            for key, value in tensors.items():
                assert torch.equal(value, other.tensors[group][key]), (which, group, key)
        assert without_times(one.state) == without_times(other.state)
    weights = load_file(names[0] / "step-00000004" / "model.safetensors")
    for name, value in load_file(output / "model" / "model.safetensors").items():
        assert torch.equal(value, weights[name])
    assert load_model(output).scores["epoch"] == 2
    assert load_model(output).digest == load_model(whole).digest
    tables = [json.loads((path / "history.json").read_text()) for path in (output, whole)]
    assert without_times(tables[0]) == without_times(tables[1])
    assert len(tables[0]) == len(SCORES)


def kill(make_halves, tmp_path: Path, most: int | None) -> None:
    make_halves(count=8)
    output = tmp_path / "runs" / "out"
    figures = repeat_everywhere(train, check, output, ignored=("logs",), most=most)
    print(f"{figures.points} states of {len(figures.changes)}, {len(figures.wrong)} wrong")
    assert figures.wrong == {}
    # A finished run checks itself.
    for lost in ("history.json", "model/model.json", "checkpoints/best"):
        (output / lost).unlink()
    train(output)
    check(output)


def test_a_training_killed_at_some_changes_ends_as_an_uninterrupted_one(make_halves, tmp_path):
    kill(make_halves, tmp_path, most=6)


@pytest.mark.slow
def test_a_training_killed_at_any_change_ends_as_an_uninterrupted_one(make_halves, tmp_path):
    kill(make_halves, tmp_path, most=None)
