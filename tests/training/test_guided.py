"""Trainings of a guided model: decoders that are shown real crops."""

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from faceswap.conversion.faces.guidance import Guidance
from faceswap.core.errors import ConfigError, FacesetError
from faceswap.geometry.mesh_shape import POINTS
from faceswap.media.images import read_image, write_image
from faceswap.models.anchored.decoder import AnchoredDecoder
from faceswap.models.anchored.network import AnchoredAutoencoder
from faceswap.models.autoencoder import Reconstruction
from faceswap.models.blocks import Downscale
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.guides import SLOTS, Guides
from faceswap.models.model_file import load_model
from faceswap.models.registry import models
from faceswap.models.run_model import load_run_model
from faceswap.training.build import run_training
from tests.meshes import add_meshes
from tests.models.guided import guides
from tests.training.tiny import configured, same, weights

SETTINGS = (
    *("model.name=tiny_guided", "augmentation.flip=0.0", "data.references=6"),
    *("training.batch=2", "output.save_every=1000", "output.preview_every=1000"),
)


def tiny_guided(identities):
    """Builds a guided model with a small encoder, 64 pixels on each side."""
    encoder = nn.Sequential(*(Downscale(3 if i == 0 else 8, 8, kernel=3) for i in range(4)))
    decoders = {name: AnchoredDecoder(8) for name in identities}
    return AnchoredAutoencoder(encoder, nn.Identity(), decoders, 64, 96)


class Collage(GuidedAutoencoder):
    """Shows the first reference of each face, in one learned brightness for each identity."""

    def forward(self, faces, swaps=0, guides=None):
        assert guides is not None
        shown = [self._show(i, guides.of(i), self.output_size) for i in range(len(faces))]
        return Reconstruction(torch.stack(shown), None)

    def swap(self, faces, to, guides=None, detail=None):
        with torch.inference_mode():
            number = self.identities.index(to)
            return Reconstruction(self._show(number, guides, detail or self.detail), None)

    def _show(self, number, guides, side):
        crops = self.references_of(self.identities[number]).images(side)[:, :3] / 255
        decoder = self.decoders[number]
        assert isinstance(decoder, nn.PReLU)
        return crops[guides.references[..., 0]] * decoder.weight


def collage(identities):
    """Builds a guided model that has nothing of ``anchored``."""
    decoders = {name: nn.PReLU(init=0.5) for name in identities}
    return Collage(nn.Identity(), nn.Identity(), decoders, 64, 96)


@pytest.fixture(autouse=True)
def _registered_guided(monkeypatch):
    monkeypatch.setitem(models._entries, "collage", collage)
    monkeypatch.setitem(models._entries, "tiny_guided", tiny_guided)


@pytest.fixture
def meshed(faces):
    """Faces of two people with meshes."""
    for paths in faces.values():
        add_meshes(paths[0])
    return faces


def train(meshed, run, *overrides):
    return run_training(configured(*SETTINGS, *overrides), meshed, run)


def references(run, name):
    model = load_model(run).model
    assert isinstance(model, GuidedAutoencoder)
    return model.references_of(name)


def test_steps_change_every_decoder_and_no_reference(meshed, tmp_path):
    train(meshed, tmp_path / "new", "training.steps=0")
    result = train(meshed, tmp_path / "run", "training.steps=2", "loss.detail=1.0")
    assert all(loss > 0 for losses in result.losses.values() for loss in losses)
    assert 0 < result.quality["alice"].ssim <= 1
    before, after = weights(tmp_path / "new"), weights(tmp_path / "run")
    unchanged = {name for name, value in before.items() if torch.equal(value, after[name])}
    assert unchanged == {name for name in before if name.startswith("references.")}
    assert [len(references(tmp_path / "run", name)) for name in ("alice", "bob")] == [6, 6]
    assert references(tmp_path / "run", "bob").side == 96


def test_another_guided_family_is_trained_and_shows_its_references(meshed, tmp_path):
    train(meshed, tmp_path / "run", "model.name=collage", "training.steps=1")
    assert len(references(tmp_path / "run", "bob")) == 6
    loaded = load_model(tmp_path / "run")
    assert isinstance(loaded.model, GuidedAutoencoder)
    Guidance(loaded.model, "bob", loaded.coverage)  # has references
    first = Guides(
        torch.zeros(1, POINTS, 2), torch.zeros(1, SLOTS, dtype=torch.int64), torch.ones(1, SLOTS)
    )
    brightness = weights(tmp_path / "run")["decoders.1.weight"]
    assert brightness != 0.5
    crop = references(tmp_path / "run", "bob").images(96)[:1, :3] / 255
    assert torch.equal(
        loaded.model.swap(torch.rand(1, 3, 64, 64), "bob", first).face, crop * brightness
    )


def test_the_model_of_a_checkpoint_has_the_references(meshed, tmp_path):
    train(meshed, tmp_path / "run", "training.steps=2", "output.save_every=1")
    earlier = load_run_model(tmp_path / "run", checkpoint="1").model
    assert isinstance(earlier, GuidedAutoencoder)
    for name in ("alice", "bob"):
        kept = references(tmp_path / "run", name).state_dict()
        assert same(earlier.references_of(name).state_dict(), kept)


def test_a_budget_of_no_steps_exports_a_model_that_decodes(meshed, tmp_path):
    result = train(meshed, tmp_path / "run", "training.steps=0")
    assert (result.step, result.losses) == (0, {"alice": [], "bob": []})
    # Warped crops of the same person are near the face, whatever the weights.
    assert result.quality["alice"].l1 < 0.1
    assert read_image(tmp_path / "run" / "previews" / "step-00000000.jpg").shape[2] == 3
    model = load_model(tmp_path / "run").model
    decoded = model.swap(torch.rand(1, 3, 64, 64), "bob", guides(model, 1))
    assert decoded.face.shape == (1, 3, 96, 96)


def lit(crop, left, right):
    """A crop in light that changes linearly from its left side to its right one."""
    return crop * np.linspace(left, right, crop.shape[1])[:, None]


@pytest.mark.slow
def test_training_learns_the_light_that_references_do_not_know(meshed, tmp_path):
    lights = [(1, 0.5), (0.5, 1), (1, 1), (0.75, 0.75), (0.6, 0.9)]
    alice = read_image(meshed["alice"][0] / "images" / "000000-0.png")
    for paths in meshed.values():
        for number, image in enumerate(sorted((paths[0] / "images").iterdir())):
            crop = lit(read_image(image), *lights[number % len(lights)])
            write_image(image, crop.round().astype(np.uint8))
    settings = ("training.batch=4", "optimizer.name=muon", "optimizer.lr=1e-3", "loss.detail=1.0")
    before = train(meshed, tmp_path / "new", *settings, "training.steps=0").quality
    after = train(meshed, tmp_path / "run", *settings, "training.steps=45").quality
    for name in meshed:
        assert after[name].l1 < 0.6 * before[name].l1
        assert after[name].ssim > before[name].ssim

    # Alice, lit from either side, as Bob: the references are the same.
    inner = cv2.resize(alice[18:78, 18:78], (64, 64), interpolation=cv2.INTER_AREA)
    faces = np.stack([lit(inner, 1, 0.5), lit(inner, 0.5, 1)]).astype(np.float32) / 255
    model = load_model(tmp_path / "run").model
    torch.manual_seed(0)
    shown = guides(model, 1)
    assert shown is not None
    left, right = (
        model.swap(torch.from_numpy(each).permute(2, 0, 1)[None], "bob", shown).face[0, :, 24:72]
        for each in faces
    )
    lean = (left - right).mean((0, 1))
    assert lean[24:40].mean() > 0.03
    assert lean[56:72].mean() < -0.03


@pytest.mark.slow
def test_a_resumed_run_is_the_uninterrupted_run(meshed, tmp_path):
    changes = "optimizer.ema=0.9", "augmentation.light=1.0"
    whole = train(meshed, tmp_path / "whole", "training.steps=4", *changes)
    first = train(meshed, tmp_path / "run", "training.steps=2", *changes)
    second = train(meshed, tmp_path / "run", "training.steps=4", *changes)
    for name, losses in whole.losses.items():
        assert first.losses[name] + second.losses[name] == losses
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


@pytest.mark.slow
def test_the_facesets_of_today_decide_the_references(meshed, tmp_path):
    ema = "optimizer.ema=0.9"
    train(meshed, tmp_path / "run", "training.steps=1", ema)
    before = references(tmp_path / "run", "bob")
    for image in sorted((meshed["bob"][0] / "images").iterdir())[10:20]:
        image.unlink()
    config = configured(*SETTINGS, "training.steps=2", ema)
    run_training(config, meshed, tmp_path / "run", allow_changes=True)
    now = references(tmp_path / "run", "bob")
    train(meshed, tmp_path / "other", "training.steps=0")
    expected = references(tmp_path / "other", "bob")
    assert not torch.equal(now.expression, before.expression)
    assert same(now.state_dict(), expected.state_dict())


@pytest.mark.slow
def test_micro_batches_equal_the_whole_batch(meshed, tmp_path):
    lit = "augmentation.light=1.0"
    whole = train(meshed, tmp_path / "a", "training.steps=2", lit)
    parts = train(meshed, tmp_path / "b", "training.steps=2", lit, "training.micro_batches=2")
    for name, losses in whole.losses.items():
        assert parts.losses[name] == pytest.approx(losses, abs=1e-4)


@pytest.mark.slow
def test_three_identities(meshed, make_faceset, tmp_path):
    meshed["carol"] = [add_meshes(make_faceset(tmp_path / "carol", shade=(90, 60, 200)))]
    result = train(meshed, tmp_path / "run", "training.steps=1", "training.precision=bf16")
    assert list(result.losses) == ["alice", "bob", "carol"]


@pytest.mark.parametrize(
    ("setting", "remedy"),
    [
        ("augmentation.flip=0.5", "augmentation.flip=0"),
        ("loss.swap=1.0", "loss.swap=0"),
        ("adversarial.swaps=true", "adversarial.swaps=false"),
        ("loss.face_style=1.0", "loss.face_style=0"),
    ],
)
def test_what_cannot_be_shown_is_refused_before_any_work(meshed, tmp_path, setting, remedy):
    with pytest.raises(ConfigError, match=remedy):
        train(meshed, tmp_path / "run", setting)
    assert not (tmp_path / "run").exists()


def test_too_many_references_are_refused(meshed, tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap.training.inputs.prepare.MOST_BYTES", 6 * 4 * 96**2 - 1)
    with pytest.raises(ConfigError, match="6 of 96 pixels"):
        train(meshed, tmp_path / "run")


def test_facesets_without_meshes_are_refused(faces, tmp_path):
    add_meshes(faces["alice"][0])
    with pytest.raises(FacesetError, match=r"mesh in each row of .*bob"):
        train(faces, tmp_path / "run")
    assert not (tmp_path / "run").exists()


RECIPE = {
    "model": {"name": "anchored", "options": {"size": 64, "detail": 64}},
    "augmentation": {"flip": 0.0, "light": 1.0},
    "data": {"references": 6},
    "loss": {"detail": 1.0},
    "optimizer": {"name": "muon", "lr": 1e-4},
    "training": {"batch": 4, "steps": 4, "precision": "fp32", "device": "cpu"},
    "output": {"log_every": 1},
}


@pytest.mark.slow
def test_two_processes_train_as_one(processes, meshed, tmp_path):
    alone, shared = (processes.losses(RECIPE, meshed, tmp_path, count) for count in (1, 2))
    for person in meshed:
        assert len(alone[person]) == 4
        assert shared[person] == pytest.approx(alone[person], abs=1e-4)
