from pathlib import Path

import pytest
import torch

from faceswap.core.checkpoint import save_checkpoint, settle_checkpoints
from faceswap.core.errors import ModelFileError
from faceswap.core.files import sha256_file
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, save_model
from faceswap.models.registry import models
from faceswap.models.run_model import load_run_model

FACE = torch.full((1, 3, 8, 8), 0.5)


def tiny(identities):
    decoders = {name: torch.nn.Conv2d(3, 3, 1) for name in identities}
    return FaceAutoencoder(torch.nn.Identity(), torch.nn.Identity(), decoders, 8, 8)


@pytest.fixture
def run(monkeypatch, tmp_path) -> Path:
    """A run with checkpoints of steps 1, 2 and 3, whose model decodes to 0.1 times the step."""
    monkeypatch.setitem(models._entries, "tiny", tiny)
    model = tiny(("alice", "bob"))
    for step in (1, 2, 3):
        with torch.no_grad():
            for name, values in model.decoders.named_parameters():
                values.fill_(torch.logit(torch.tensor(step / 10)) if "bias" in name else 0.0)
        groups = {"model": model.state_dict(), "optimizer": {"moment": torch.zeros(1)}}
        save_checkpoint(tmp_path / "checkpoints", step, groups, {})
        meta = ModelMeta("tiny", {}, model.identities, 1.5, step)
        save_model(tmp_path / "model", model, meta)
    return tmp_path


def shade(loaded) -> float:
    return loaded.model.swap(FACE, "bob").face.mean().item()


@pytest.mark.parametrize(
    ("checkpoint", "name", "step"),
    [("best", "best", 2), (None, "best", 2), ("latest", "latest", 3), ("1", "step 1", 1)],
)
def test_each_checkpoint_gives_its_own_pixels(run, checkpoint, name, step):
    settle_checkpoints(run / "checkpoints", 3, best=2, keep=3)
    loaded = load_run_model(run, checkpoint=checkpoint)
    assert (loaded.checkpoint, loaded.meta.step) == (name, step)
    assert shade(loaded) == pytest.approx(step / 10, abs=1e-6)
    assert not loaded.model.training
    assert loaded.digest == sha256_file(loaded.path / "model.safetensors")


def test_without_a_best_checkpoint_the_latest_is_the_default(run):
    loaded = load_run_model(run)
    assert (loaded.checkpoint, loaded.meta.step) == ("latest", 3)
    assert loaded.path == run / "model"
    with pytest.raises(ModelFileError, match="no checkpoint 'best'"):
        load_run_model(run, checkpoint="best")


@pytest.mark.parametrize("checkpoint", ["7", "-1", "first", ""])
def test_an_unknown_checkpoint_lists_the_known_ones(run, checkpoint):
    settle_checkpoints(run / "checkpoints", 3, best=2, keep=3)
    with pytest.raises(ModelFileError) as caught:
        load_run_model(run, checkpoint=checkpoint)
    assert caught.value.hint == "Use one of 1, 2, 3, latest, best."


def test_a_model_folder_has_no_checkpoints(run):
    assert load_run_model(run / "model").checkpoint == ""
    with pytest.raises(ModelFileError, match="Expected checkpoints"):
        load_run_model(run / "model", checkpoint="best")


def test_a_damaged_checkpoint_is_rejected_by_step_and_replaced_as_best(run):
    settle_checkpoints(run / "checkpoints", 3, best=2, keep=3)
    weights = run / "checkpoints" / "step-00000002" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4])
    with pytest.raises(ModelFileError, match=r"step 2 in .* is damaged"):
        load_run_model(run, checkpoint="2")
    loaded = load_run_model(run, checkpoint="best")
    assert (loaded.checkpoint, loaded.meta.step) == ("step 1", 1)
    assert shade(loaded) == pytest.approx(0.1, abs=1e-6)


def test_averaged_weights_are_preferred(run):
    raw, averaged = tiny(("alice", "bob")), tiny(("alice", "bob"))
    with torch.no_grad():
        for values in averaged.parameters():
            values.zero_()
    groups = {"model": raw.state_dict(), "ema": averaged.state_dict()}
    save_checkpoint(run / "checkpoints", 4, groups, {})
    loaded = load_run_model(run, checkpoint="4")
    assert shade(loaded) == pytest.approx(0.5, abs=1e-6)
    assert loaded.digest == sha256_file(run / "checkpoints" / "step-00000004" / "ema.safetensors")


def test_a_damaged_optimizer_does_not_matter(run):
    (run / "checkpoints" / "step-00000002" / "optimizer.safetensors").write_bytes(b"")
    assert shade(load_run_model(run, checkpoint="2")) == pytest.approx(0.2, abs=1e-6)
