"""What a training resumes from, and what may change meanwhile."""

import pytest

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import (
    CheckpointError,
    ConfigError,
    FacesetError,
    TrainingError,
)
from faceswap.core.training_state import evaluated_group
from faceswap.training.build import run_training
from tests.training.tiny import configured, same, weights


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_a_resumed_run_is_the_uninterrupted_run(faces, tmp_path, micro_batches):
    extra = f"training.micro_batches={micro_batches}"
    whole = run_training(configured("training.steps=12", extra), faces, tmp_path / "whole")
    first = run_training(configured("training.steps=7", extra), faces, tmp_path / "run")
    second = run_training(configured("training.steps=12", extra), faces, tmp_path / "run")
    for name, losses in whole.losses.items():
        assert first.losses[name] + second.losses[name] == losses
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_a_damaged_checkpoint_is_skipped(faces, tmp_path, caplog):
    whole = run_training(configured("training.steps=14"), faces, tmp_path / "whole")
    run_training(configured("training.steps=10"), faces, tmp_path / "run")
    damaged = tmp_path / "run" / "checkpoints" / "step-00000010" / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[: damaged.stat().st_size // 2])
    with caplog.at_level("WARNING", logger="faceswap"):
        resumed = run_training(configured("training.steps=14"), faces, tmp_path / "run")
    assert "step-00000010" in caplog.text
    assert resumed.losses["alice"] == whole.losses["alice"][5:]
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


@pytest.mark.parametrize(
    ("overrides", "error", "said"),
    [
        (["data.coverage=1.5"], ConfigError, "data.coverage"),
        (["seed=1"], ConfigError, "seed"),
        (["data.mask=mesh"], FacesetError, "masks of the masker 'mesh'"),
        (["model.name=original"], ConfigError, "model.name"),
        (["training.batch=5", "training.micro_batches=2"], ConfigError, "batch of 5"),
        (["training.precision=fp16"], ConfigError, "fp16"),
    ],
)
def test_a_fixed_setting_cannot_change_on_resuming(faces, tmp_path, overrides, error, said):
    run_training(configured("training.steps=2"), faces, tmp_path / "run")
    before = (tmp_path / "run" / "config.yaml").read_text()
    with pytest.raises(error, match=said):
        run_training(configured("training.steps=4", *overrides), faces, tmp_path / "run")
    assert (tmp_path / "run" / "config.yaml").read_text() == before


def test_a_changed_learning_rate_is_reported_and_used(faces, tmp_path, caplog):
    run_training(configured("training.steps=2"), faces, tmp_path / "run")
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(configured("training.steps=4", "optimizer.lr=1e-9"), faces, tmp_path / "run")
    assert "optimizer.lr: 0.002 -> 1e-09" in caplog.text


def test_other_faces_are_accepted_with_allow_changes(faces, tmp_path, caplog):
    run_training(configured("training.steps=2"), faces, tmp_path / "run")
    next((faces["bob"][0] / "images").iterdir()).unlink()
    with pytest.raises(TrainingError, match="bob has other content"):
        run_training(configured("training.steps=4"), faces, tmp_path / "run")
    with caplog.at_level("INFO", logger="faceswap"):
        result = run_training(
            configured("training.steps=4"), faces, tmp_path / "run", allow_changes=True
        )
    assert result.step == 4
    assert "bob has other content" in caplog.text
    # Earlier evaluations were on other faces: the best is chosen anew.
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints", "best")
    assert checkpoint is not None
    assert checkpoint.step == 4


def test_a_changed_weight_decay_takes_effect_on_resuming(faces, tmp_path):
    for name, decay in (("weak", 0.0), ("strong", 0.9)):
        adamw = "optimizer.name=adamw"
        run_training(configured("training.steps=2", adamw), faces, tmp_path / name)
        change = f"optimizer.weight_decay={decay}"
        run_training(configured("training.steps=4", adamw, change), faces, tmp_path / name)
    assert not same(weights(tmp_path / "weak"), weights(tmp_path / "strong"))


def test_an_ended_run_takes_no_further_step(faces, tmp_path):
    stops = ("optimizer.lr=1e-12", "training.patience=1", "output.save_every=2")
    first = run_training(configured("training.steps=1000", *stops), faces, tmp_path / "run")
    assert first.stopped_early
    again = run_training(configured("training.steps=1000", *stops), faces, tmp_path / "run")
    assert again.stopped_early
    assert again.step == first.step


def test_a_moving_average_can_be_added_on_resuming(faces, tmp_path):
    run_training(configured("training.steps=2"), faces, tmp_path / "run")
    run_training(configured("training.steps=4", "optimizer.ema=0.9"), faces, tmp_path / "run")
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    assert "ema" in checkpoint.tensors
    assert same(weights(tmp_path / "run"), checkpoint.tensors[evaluated_group(checkpoint)])


def test_a_model_that_does_not_fit_leaves_the_settings_as_they_were(faces, tmp_path):
    run_training(configured("training.steps=2"), faces, tmp_path / "run")
    before = (tmp_path / "run" / "config.yaml").read_text()
    other = configured("training.steps=4", "model.name=original")
    with pytest.raises(CheckpointError, match="does not fit"):
        run_training(other, faces, tmp_path / "run", allow_changes=True)
    assert (tmp_path / "run" / "config.yaml").read_text() == before
