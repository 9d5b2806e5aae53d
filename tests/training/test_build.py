"""Whole trainings of a tiny network on synthetic faces, in this process."""

import json
import os
import signal
import time

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import nn

from faceswap.core.checkpoint import checkpoint_steps, load_checkpoint
from faceswap.core.errors import (
    ConfigError,
    FacesetError,
    IdentityError,
)
from faceswap.data.sampling import split_facesets
from faceswap.facesets.faceset import Faceset
from faceswap.media.images import read_image
from faceswap.models.model_file import load_model
from faceswap.models.registry import models
from faceswap.models.run_model import load_run_model
from faceswap.training.build import run_training
from faceswap.training.inputs.opening import open_facesets
from faceswap.training.monitoring import measurement
from faceswap.training.monitoring.held_out import Quality
from faceswap.training.monitoring.report import Callbacks, Reporter
from tests.training.tiny import configured, exported, same, tiny, weights


def test_a_run_trains_and_leaves_everything_behind(faces, tmp_path):
    told, prepared = [], []
    result = run_training(
        configured("training.steps=60", "training.batch=8", "output.save_every=20"),
        faces,
        tmp_path / "run",
        ["faceswap", "train"],
        Callbacks(prepared.append, told.append),
    )
    run = tmp_path / "run"
    assert result.step == 60
    assert result.interrupted == 0
    for losses in result.losses.values():
        assert len(losses) == 60
        assert np.mean(losses[-10:]) < 0.8 * np.mean(losses[:10])
    assert 0 < result.quality["alice"].ssim <= 1
    assert result.faces_per_second > 0
    assert 0 <= result.waiting < 1
    assert sum(prepared) == 96
    assert told[0].losses == {}
    assert [p.step for p in told[1:]] == list(range(2, 61, 2))
    assert told[-1].fraction == 1
    # Two newest checkpoints and the best.
    steps = checkpoint_steps(run / "checkpoints")
    assert steps[-2:] == [40, 60]
    assert (run / "checkpoints" / (run / "checkpoints" / "best").read_text().strip()).is_dir()
    assert load_model(run).meta.step == 60
    assert load_model(run).meta.subjects["bob"][0]["basis"] == "self"
    preview = read_image(run / "previews" / "step-00000060.jpg")
    assert preview.shape[1] == 6 * 128 + 5 * 4
    assert (run / "config.yaml").is_file()
    assert json.loads((run / "manifest.json").read_text())["starts"][0]["command"][0] == "faceswap"
    log = EventAccumulator(str(run / "logs"))
    log.Reload()
    assert {
        "terms/l1",
        "terms/dssim",
        "loss/alice",
        "held-out ssim/bob",
        "training/waiting for data",
    } <= set(log.Tags()["scalars"])


@pytest.mark.parametrize("matched", [(), ("data.match=0.5", "loss.swap=1.0")])
def test_accumulated_micro_batches_equal_the_whole_batch(faces, tmp_path, matched):
    no_dropout = ["training.steps=3", "optimizer.lr=1e-3", *matched]
    models._entries["tiny"] = lambda names: _without_dropout(tiny(names))
    whole = run_training(configured(*no_dropout), faces, tmp_path / "a")
    parts = run_training(configured(*no_dropout, "training.micro_batches=4"), faces, tmp_path / "b")
    for name, losses in whole.losses.items():
        assert parts.losses[name] == pytest.approx(losses, abs=1e-5)


def test_matched_faces_teach_the_swap(faces, tmp_path):
    models._entries["tiny"] = lambda names: _without_dropout(tiny(names))
    settings = ["training.steps=2", "data.match=0.5"]
    without = run_training(configured(*settings), faces, tmp_path / "a")
    held = run_training(configured(*settings, "loss.swap=1.0"), faces, tmp_path / "b")
    for name, losses in without.losses.items():
        # The same faces from the same weights: what is more in the first step is the swap's part.
        assert 0 < held.losses[name][0] - losses[0] < 0.5
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "b"))


def _without_dropout(model):
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_and_stops(faces, tmp_path, number):
    def interrupt(progress):
        if progress.step == 4:
            os.kill(os.getpid(), number)

    config = configured("training.steps=1000")
    result = run_training(config, faces, tmp_path / "run", (), Callbacks(on_step=interrupt))
    assert result.interrupted == number
    assert result.step in (4, 5)
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.step == load_model(tmp_path / "run").meta.step == result.step


def test_unusable_facesets_are_rejected(faces, make_faceset, tmp_path):
    with pytest.raises(IdentityError, match="found 1: alice"):
        open_facesets({"alice": faces["alice"]}, 2)
    few = make_faceset(tmp_path / "few", faces=5)
    with pytest.raises(FacesetError, match="at least 32 faces of 'carol', found 5"):
        open_facesets({**faces, "carol": [few]}, 32)
    with pytest.raises(FacesetError, match="nowhere"):
        open_facesets({**faces, "carol": [tmp_path / "nowhere"]}, 32)
    with pytest.raises(FacesetError, match="Expected masks of the masker 'mesh'"):
        open_facesets(faces, 2, "mesh")
    # Several facesets of one identity count together.
    assert len(open_facesets({**faces, "carol": [few] * 10}, 48)["carol"]) == 10


def test_invalid_commands_write_nothing(faces, tmp_path):
    for config in (
        configured("training.batch=3", "training.micro_batches=2"),
        configured("model.name=tinny"),
    ):
        with pytest.raises(ConfigError):
            run_training(config, faces, tmp_path / "run")
        assert not (tmp_path / "run").exists()


def test_each_faceset_holds_out_faces(faces):
    sets = [Faceset.open(path[0]) for path in faces.values()]
    pairs = [(faceset, face) for faceset in sets for face in faceset.trainable()]
    training, held_out = split_facesets(pairs, 0.1)
    assert sorted([*training, *held_out]) == list(range(96))
    assert sum(i < 48 for i in held_out) == sum(i >= 48 for i in held_out) == 5


def test_three_identities_and_bf16(faces, make_faceset, tmp_path):
    faces["carol"] = [make_faceset(tmp_path / "carol", shade=(90, 60, 200))]
    config = configured("training.steps=4", "training.precision=bf16")
    result = run_training(config, faces, tmp_path / "run")
    assert list(result.losses) == ["alice", "bob", "carol"]
    assert load_model(tmp_path / "run").identities == ("alice", "bob", "carol")
    assert all(w.dtype == torch.float32 for w in weights(tmp_path / "run").values())


def test_a_budget_in_minutes_ends_it(faces, tmp_path):
    config = configured("training.minutes=0.03", "optimizer.decay=0.5")
    result = run_training(config, faces, tmp_path / "run")
    assert result.step > 0
    assert 1.8 <= result.seconds < 20
    # It is used up: another start adds nothing.
    assert run_training(config, faces, tmp_path / "run").step == result.step


def test_slow_steps_are_saved_by_the_clock(faces, tmp_path):
    config = configured("training.steps=3", "output.save_every=1000", "output.save_minutes=1.0e-9")
    run_training(config, faces, tmp_path / "run")
    assert {2, 3} <= set(checkpoint_steps(tmp_path / "run" / "checkpoints"))


def test_slow_evaluations_are_not_repeated_at_each_step(faces, tmp_path, monkeypatch):
    evaluated, evaluate = [], Reporter.evaluate

    def slowly(self, progress, *, due):
        evaluated.append(progress.step)
        time.sleep(1.0)
        return evaluate(self, progress, due=due)

    monkeypatch.setattr(Reporter, "evaluate", slowly)
    settings = ("training.steps=8", "output.save_every=1000", f"output.save_minutes={0.8 / 60}")
    run_training(configured(*settings), faces, tmp_path / "run")
    assert evaluated[0] == 0
    assert evaluated[-1] == 8
    assert len(evaluated) < 6


def test_early_stopping_ends_a_run_that_no_longer_improves(faces, tmp_path):
    # A learning rate of almost 0 never improves on the first evaluation by much.
    config = configured(
        "optimizer.lr=1e-12", "training.patience=2", "output.save_every=2", "training.steps=1000"
    )
    result = run_training(config, faces, tmp_path / "run")
    assert result.stopped_early
    assert result.step < 1000
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.state["progress"]["since_best"] >= 2


@pytest.mark.parametrize(("better", "worse"), [("ema", "model"), ("model", "ema")])
def test_the_better_of_weights_and_moving_average_is_exported(
    better, worse, faces, tmp_path, monkeypatch
):
    def measure(model, shown, *_):
        trained = next(model.parameters()).requires_grad
        return {
            name: Quality(0.9 if trained == (better == "model") else 0.8, 0.1) for name in shown
        }

    monkeypatch.setattr(measurement, "evaluate", measure)
    result = run_training(
        configured("training.steps=6", "optimizer.ema=0.9"), faces, tmp_path / "run"
    )
    assert result.quality["alice"].ssim == 0.9
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints", "best")
    assert checkpoint is not None
    step, found = exported(tmp_path / "run")
    assert step == checkpoint.step
    assert same(found, checkpoint.tensors[better])
    # The best checkpoint is read as the same model as the exported one.
    model = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    model["step"] = step + 1
    (tmp_path / "run" / "model" / "model.json").write_text(json.dumps(model))
    loaded = load_run_model(tmp_path / "run")
    assert same(loaded.model.state_dict(), found)
    # Of the newest checkpoint, the better weights are the choice as well.
    newest = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert newest is not None
    assert same(weights(tmp_path / "run"), newest.tensors[better])
    assert not same(weights(tmp_path / "run"), newest.tensors[worse])
    # It resumes exactly.
    run_training(configured("training.steps=9", "optimizer.ema=0.9"), faces, tmp_path / "run")
    run_training(configured("training.steps=9", "optimizer.ema=0.9"), faces, tmp_path / "whole")
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
