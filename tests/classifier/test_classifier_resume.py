import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from classifier.models.model_file import load_model
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.step import GradientStep
from faceswap.core.checkpoint import Checkpoint, load_checkpoint
from faceswap.core.errors import TrainingError

Classifier = Callable[..., int | str | None]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")
STEPS = 8  # 64 images to train on, 8 a step
CONSTANT = (
    "--set",
    "optimizer.schedule=constant",
)  # other schedules depend on the number of epochs


def last(run_directory: Path, which: str = "latest") -> Checkpoint:
    found = load_checkpoint(run_directory / "checkpoints", which)
    assert found is not None
    return found


def require_equal(one: Path, other: Path) -> None:
    first, second = last(one), last(other)
    assert first.step == second.step
    for group, tensors in first.tensors.items():
        for name, value in tensors.items():
            assert torch.equal(value, second.tensors[group][name]), (group, name)


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Sends SIGINT after a number of training steps."""
    taken = 0
    original = GradientStep.__call__

    def call(self, *arguments):
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments)

    monkeypatch.setattr(GradientStep, "__call__", call)


def test_extended_run_equals_an_uninterrupted_run(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    settings = (*SMALL, *CONSTANT, "--set", "augment.flip=true", "--set", "augment.shift=2")
    whole, resumed = tmp_path / "whole", tmp_path / "resumed"
    assert classifier("train", halves, "-o", whole, "--epochs", 3, *settings) == 0
    assert classifier("train", halves, "-o", resumed, "--epochs", 1, *settings) == 0
    capsys.readouterr()
    assert classifier("train", halves, "-o", resumed, "--epochs", 3) == 0
    assert "Resumed after epoch 1." in capsys.readouterr().err
    require_equal(whole, resumed)


def test_a_run_stopped_within_an_epoch_resumes_exactly(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    classifier: Classifier,
) -> None:
    settings = (*SMALL, "--epochs", 2, "--model", "resnet20", "--set", "augment.colour=0.3")
    settings += ("--set", "optimizer.ema=0.9", "--set", "augment.cutmix=1", "--set")
    settings += ("augment.mixup=0.2", "--set", "optimizer.warmup=0.5", "--set", "augment.flip=true")
    whole = tmp_path / "whole"
    assert classifier("train", halves, "-o", whole, *settings) == 0
    resumed = tmp_path / "resumed"
    # In the middle of an epoch, in its last step, and again in the next.
    for moment, steps in ((3, 3), (STEPS, STEPS - 3), (STEPS + 5, 5)):
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            assert classifier("train", halves, "-o", resumed, *settings) == 130
        assert "Stopped and saved" in capsys.readouterr().err
        assert last(resumed).step == moment
    assert classifier("train", halves, "-o", resumed) == 0
    assert "Resumed in epoch 2, after step 5 of 8" in capsys.readouterr().err
    require_equal(whole, resumed)
    one, two = (json.loads((path / "history.json").read_text()) for path in (whole, resumed))
    for before, after in zip(one, two, strict=True):
        assert before["train_loss"] == pytest.approx(after["train_loss"], abs=1e-12)
        assert before["loss"] == after["loss"]


def test_checkpoints_within_a_long_epoch(halves: Path, tmp_path: Path, monkeypatch) -> None:
    run_directory = RunDirectory(tmp_path / "run")
    settings = run_directory.resolve_config(None, ["epochs=1", "data.batch_size=8", "keep=20"])
    # State on disk after kill -9 in the last step.
    taken: list[int] = []
    original = GradientStep.__call__

    def call(self, *arguments):
        taken.append(1)
        if len(taken) == STEPS:
            raise RuntimeError("killed")
        return original(self, *arguments)

    monkeypatch.setattr(GradientStep, "__call__", call)
    with pytest.raises(RuntimeError, match="killed"):
        run_training(halves, settings, run_directory, save_seconds=0)
    assert last(tmp_path / "run").step == STEPS - 1
    result = run_training(halves, settings, run_directory)
    assert len(result.history) == 1


def test_damaged_checkpoint_falls_back_to_the_previous_one(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    output = tmp_path / "run"
    assert classifier("train", halves, "-o", output, "--epochs", 2, *SMALL) == 0
    before = last(output).tensors["model"]
    file = output / "checkpoints" / "step-00000016" / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert classifier("train", halves, "-o", output, "--epochs", 2) == 0
    printed = capsys.readouterr().err
    assert "step-00000016 is damaged" in printed
    assert "Resumed after epoch 1." in printed
    for name, value in last(output).tensors["model"].items():
        assert torch.equal(value, before[name])


def diverge(monkeypatch: pytest.MonkeyPatch, steps: Callable[[int], bool]) -> None:
    """Makes the loss of some steps, counted from 1, non-finite."""
    taken: list[int] = []
    original = GradientStep.__call__

    def call(self, inputs, labels, *arguments):
        taken.append(1)
        loss = original(self, inputs, labels, *arguments)
        return loss * float("nan") if steps(len(taken)) else loss

    monkeypatch.setattr(GradientStep, "__call__", call)


def test_a_non_finite_loss_rolls_the_run_back(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog
) -> None:
    diverge(monkeypatch, lambda step: step == STEPS + 2)
    run = RunDirectory(tmp_path / "run")
    settings = run.resolve_config(None, ["epochs=3", "data.batch_size=8"])
    with caplog.at_level("WARNING", logger="faceswap"):
        result = run_training(halves, settings, run)
    assert f"rolled back to step {STEPS}" in caplog.text
    assert len(result.history) == 3
    assert last(tmp_path / "run").step == 3 * STEPS
    assert last(tmp_path / "run").state["progress"]["rollbacks"] == 1
    monkeypatch.undo()
    clean = run_training(halves, settings, RunDirectory(tmp_path / "clean"))
    assert clean.history[0].train_loss == result.history[0].train_loss
    # The epoch that diverged was repeated with other batches.
    assert clean.history[1].train_loss != result.history[1].train_loss


def test_repeated_divergence_ends_training_with_advice(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    diverge(monkeypatch, lambda step: step >= STEPS + 2)
    run = RunDirectory(tmp_path / "run")
    settings = run.resolve_config(None, ["epochs=3", "data.batch_size=8"])
    with pytest.raises(TrainingError, match="non-finite 4 times") as raised:
        run_training(halves, settings, run)
    assert "optimizer.lr" in raised.value.hint
    found = last(tmp_path / "run")
    assert found.step == STEPS
    assert all(bool(value.isfinite().all()) for value in found.tensors["model"].values())


def test_resume_with_another_batch_size_keeps_the_position(
    halves: Path, tmp_path: Path, monkeypatch, capsys, classifier: Classifier
) -> None:
    output = tmp_path / "run"
    with monkeypatch.context() as patch:
        stop_after(patch, 4)  # 32 of 64 images
        assert classifier("train", halves, "-o", output, "--epochs", 2, *SMALL) == 130
    capsys.readouterr()
    changed = ("--set", "data.batch_size=16", "--set", "optimizer.lr=1e-3")
    assert classifier("train", halves, "-o", output, *changed) == 0
    printed = capsys.readouterr().err
    assert "data.batch_size: 8 -> 16" in printed
    assert "optimizer.lr: 0.003 -> 0.001" in printed
    assert "Resumed in epoch 1, after step 2 of 4" in printed
    # Four steps of 8 images, two of 16, and an epoch of four.
    assert last(output).step == 4 + 2 + 4


def test_renamed_classes_choose_the_best_epoch_anew(
    halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    output = tmp_path / "run"
    assert classifier("train", halves, "-o", output, "--epochs", 3, *SMALL) == 0
    (halves / "above").rename(halves / "zenith")
    assert classifier("train", halves, "-o", output, "--epochs", 4) == 2
    allowed = classifier("train", halves, "-o", output, "--epochs", 4, "--allow-changes")
    assert allowed == 0
    model = load_model(output)
    assert model.classes == ("beside", "zenith")
    assert model.scores["epoch"] == 4
