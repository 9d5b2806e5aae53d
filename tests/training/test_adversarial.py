"""Training against discriminators: exact, resumable, and nothing where it has no weight."""

import re
from types import SimpleNamespace
from typing import cast

import pytest
import torch
from accelerate import Accelerator
from torch import nn

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import ConfigError
from faceswap.models.registry import models
from faceswap.training.build import run_training
from faceswap.training.discriminators.trained import TrainedDiscriminator
from faceswap.training.from_settings import build_adversary
from faceswap.training.monitoring.report import Callbacks
from tests.training.tiny import configured, same, tiny, weights

GAN = ("adversarial.power=0.1", "adversarial.true_face=0.1", "adversarial.dims=4")
SWAPS = ("data.match=0.5", "adversarial.swaps=true")


def groups(run):
    """Groups of tensors of the newest checkpoint of a run."""
    found = load_checkpoint(run / "checkpoints")
    assert found is not None
    return found.tensors


def test_without_weight_there_are_no_discriminators_and_nothing_changes(faces, tmp_path):
    plain = run_training(configured("training.steps=6"), faces, tmp_path / "plain")
    settings = ("adversarial.dims=4", "adversarial.lr=0.1", "adversarial.swaps=true")
    off = run_training(configured("training.steps=6", *settings), faces, tmp_path / "off")
    assert off.losses == plain.losses
    assert same(weights(tmp_path / "off"), weights(tmp_path / "plain"))
    assert set(groups(tmp_path / "off")) == {"model", "optimizer"}


@pytest.mark.parametrize("settings", [GAN, (*GAN, *SWAPS)])
def test_the_model_is_trained_by_the_discriminators(faces, tmp_path, settings):
    matched = [setting for setting in settings if setting.startswith("data.")]
    plain = run_training(configured("training.steps=6", *matched), faces, tmp_path / "plain")
    against = run_training(configured("training.steps=6", *settings), faces, tmp_path / "run")
    assert all(torch.tensor(losses).isfinite().all() for losses in against.losses.values())
    assert not same(weights(tmp_path / "run"), weights(tmp_path / "plain"))
    # The first losses are those of the same model, and what the discriminators say of it.
    for name, losses in plain.losses.items():
        assert against.losses[name][0] > losses[0]
    assert {"discriminator_faces", "discriminator_codes"} < set(groups(tmp_path / "run"))
    # None of it is in the model.
    assert weights(tmp_path / "run").keys() == weights(tmp_path / "plain").keys()


@pytest.mark.parametrize("micro_batches", [1, 2])
def test_a_resumed_run_is_the_uninterrupted_run(faces, tmp_path, micro_batches):
    extra = (*GAN, *SWAPS, "optimizer.clip=0.5", f"training.micro_batches={micro_batches}")
    whole = run_training(configured("training.steps=9", *extra), faces, tmp_path / "whole")
    first = run_training(configured("training.steps=4", *extra), faces, tmp_path / "run")
    second = run_training(configured("training.steps=9", *extra), faces, tmp_path / "run")
    for name, losses in whole.losses.items():
        assert first.losses[name] + second.losses[name] == losses
    one, other = groups(tmp_path / "whole"), groups(tmp_path / "run")
    assert one.keys() == other.keys()
    for name, tensors in one.items():
        assert same(tensors, other[name]), name


def test_micro_batches_give_the_gradients_of_the_whole_batch(faces, tmp_path, monkeypatch):
    def without_dropout(names):
        model = tiny(names)
        for decoder in model.decoders:
            assert isinstance(decoder, nn.Sequential)
            decoder[1] = nn.Identity()  # it differs from micro-batch to micro-batch
        return model

    monkeypatch.setitem(models._entries, "tiny", without_dropout)
    # Matched pairs are in the first micro-batch only.
    extra = ("training.steps=1", "optimizer.lr=1e-3", *GAN, *SWAPS, "data.match=0.25")
    for count in (1, 2, 4):
        split = f"training.micro_batches={count}"
        run_training(configured(*extra, split), faces, tmp_path / str(count))
    whole = groups(tmp_path / "1")
    for count in (2, 4):
        found = groups(tmp_path / str(count))
        for name in ("discriminator_faces_optimizer", "discriminator_codes_optimizer"):
            for key, value in whole[name].items():  # moments are the gradients and their squares
                torch.testing.assert_close(found[name][key], value, rtol=1e-3, atol=1e-6)


def test_discriminators_start_anew_where_a_run_had_none(faces, tmp_path, caplog):
    run_training(configured("training.steps=3"), faces, tmp_path / "run")
    with caplog.at_level("INFO", logger="faceswap"):
        result = run_training(configured("training.steps=5", *GAN), faces, tmp_path / "run")
    assert result.step == 5
    assert len(re.findall("The discriminator of (faces|codes) starts anew", caplog.text)) == 2
    caplog.clear()
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(configured("training.steps=6", *GAN), faces, tmp_path / "run")
    assert "starts anew" not in caplog.text
    wider = (*GAN[:2], "adversarial.dims=8")
    with caplog.at_level("INFO", logger="faceswap"):
        run_training(configured("training.steps=7", *wider), faces, tmp_path / "run")
    assert "The discriminator of faces starts anew" in caplog.text
    assert "The discriminator of codes starts anew" not in caplog.text


def test_discriminators_that_diverge_roll_the_run_back(faces, tmp_path, caplog, monkeypatch):
    built, broken = [], []
    start = TrainedDiscriminator.__init__

    def remember(self, *arguments, **options):
        start(self, *arguments, **options)
        built.append(self)

    def break_weights(progress):
        if progress.step == 4 and not broken:
            broken.append(True)
            with torch.no_grad():
                next(built[0].network.parameters()).fill_(float("nan"))

    monkeypatch.setattr(TrainedDiscriminator, "__init__", remember)
    run_training(configured("training.steps=2", "output.save_every=2"), faces, tmp_path / "run")
    with caplog.at_level("WARNING", logger="faceswap"):
        result = run_training(
            configured("training.steps=8", "output.save_every=100", *GAN),
            faces,
            tmp_path / "run",
            (),
            Callbacks(on_step=break_weights),
        )
    # The checkpoint is of the time before the discriminators: they begin again as they began.
    assert "rolled back to step 2" in caplog.text
    assert result.step == 8
    for name, tensors in groups(tmp_path / "run").items():
        assert all(each.isfinite().all() for each in tensors.values()), name


def test_phases_with_other_discriminators_are_refused():
    opened = SimpleNamespace(device=torch.device("cpu"), scaler=None)
    model = tiny(["alice", "bob"])
    off, on = configured("adversarial.dims=8"), configured("adversarial.power=0.1")
    found = build_adversary([off, on], model, cast(Accelerator, opened))
    stem = found["faces"].network.get_submodule("stem")
    assert isinstance(stem, nn.Conv2d)
    assert stem.out_channels == on.adversarial.dims  # those of phases without weight are ignored
    other = configured("adversarial.power=0.2", "adversarial.patch=5")
    with pytest.raises(ConfigError, match="patch 5 with dims 16"):
        build_adversary([on, other], model, cast(Accelerator, opened))
