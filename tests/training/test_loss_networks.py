"""Trainings with losses that are computed with networks."""

import numpy as np
import pytest
import torch
from torch import nn

from faceswap.core.errors import ConfigError, WeightsUnavailable
from faceswap.data.cache import CHANNELS, CropGeometry, FaceCache
from faceswap.models.crowd import CROWD
from faceswap.models.model_file import load_model
from faceswap.recognizers.embedder import Embedder, embedders
from faceswap.recognizers.mobilefacenet import MEAN, STD
from faceswap.training.build import run_training
from faceswap.training.inputs.loss_networks import open_loss_networks
from faceswap.training.losses.lpips import Lpips
from faceswap.training.losses.networks import NO_NETWORKS
from faceswap.training.losses.weights import LossWeights
from tests.training.tiny import configured, same, weights


class Colours(nn.Module):
    """Embeds a face as its mean colour."""

    def forward(self, images):
        return images.mean((2, 3)) * torch.from_numpy(STD) + torch.from_numpy(MEAN)


@pytest.fixture(autouse=True)
def _colours(monkeypatch):
    monkeypatch.setitem(embedders._entries, "colours", lambda: Embedder(Colours()))


IDENTITY = ("loss.identity_network=colours", "loss.identity_swap=1.0", "loss.identity=0.5")


def test_the_recognition_network_of_a_loss_is_recorded_for_good(faces, tmp_path):
    run = tmp_path / "run"
    run_training(configured("training.steps=2", *IDENTITY), faces, run)
    assert load_model(run).meta.loss_recognizers == ["colours"]
    run_training(configured("training.steps=4"), faces, run)
    assert load_model(run).meta.loss_recognizers == ["colours"]
    started = configured("training.steps=2", f'model.start_from=["{run}:encoder"]')
    run_training(started, faces, tmp_path / "next")
    assert load_model(tmp_path / "next").meta.loss_recognizers == ["colours"]
    run_training(configured("training.steps=2"), faces, tmp_path / "without")
    assert load_model(tmp_path / "without").meta.loss_recognizers == []


def test_a_resumed_run_with_swap_terms_is_the_uninterrupted_run(faces, tmp_path):
    terms = (*IDENTITY, "loss.face_style=1.0", "loss.background_style=0.5", "loss.gmsd=0.1")
    whole = run_training(configured("training.steps=6", *terms), faces, tmp_path / "whole")
    run_training(configured("training.steps=3", *terms), faces, tmp_path / "run")
    second = run_training(configured("training.steps=6", *terms), faces, tmp_path / "run")
    assert second.losses["bob"] == whole.losses["bob"][3:]
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))


def test_the_crowd_is_no_identity_of_swaps(faces, tmp_path):
    caches, training = {}, {}
    for name in ("alice", CROWD):
        path = tmp_path / f"{name}.npy"
        np.save(path, np.full((4, 16, 16, CHANNELS), 90, np.uint8))
        caches[name] = FaceCache(path, CropGeometry(size=16, coverage=1.25, side=16))
        training[name] = np.arange(4)
    weights = [LossWeights(identity_swap=1.0)]
    found = open_loss_networks(weights, "colours", caches, training, torch.device("cpu"))
    assert found.identity is not None
    assert found.identity.targets.tolist() == [True, False]


def test_swaps_take_the_colours_of_their_identity(faces, tmp_path):
    # The tiny model cannot copy colours: what it learns of them is the identity's.
    def swapped(run, *settings):
        run_training(configured("training.steps=60", *settings), faces, tmp_path / run)
        loaded = load_model(tmp_path / run)
        face = torch.full((1, 3, 16, 16), 0.5)
        return loaded.model.swap(face, "bob").face.mean((2, 3))

    alone = ("loss.l1=0", "loss.dssim=0", "loss.face_style=10")
    towards_alice = swapped("style", *alone)
    towards_bob = swapped("plain")
    # The style is that of the replaced face of alice, whose skin is brighter.
    assert (towards_alice > towards_bob).all()


def test_unknown_and_missing_networks_are_errors(faces, tmp_path, monkeypatch):
    with pytest.raises(ConfigError, match="identity network"):
        run_training(
            configured("loss.identity=1.0", "loss.identity_network=color"), faces, tmp_path / "a"
        )
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path))
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    with pytest.raises(WeightsUnavailable, match="alexnet"):
        run_training(configured("loss.lpips=1.0"), faces, tmp_path / "b")


def test_lpips_trains(faces, tmp_path, monkeypatch):
    monkeypatch.setattr("faceswap.training.inputs.loss_networks.load_lpips", Sizeable)
    only = ("loss.l1=0", "loss.dssim=0", "loss.lpips=1", "training.steps=30")
    losses = run_training(configured(*only), faces, tmp_path / "run").losses["alice"]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])


class Sizeable(Lpips):
    """LPIPS of random weights for images as small as those of the tiny model."""

    def distances(self, first, second, weights):
        large = [
            torch.nn.functional.interpolate(x.flatten(0, 1), scale_factor=4)
            for x in (first, second, weights)
        ]
        return super().distances(*large).unflatten(0, first.shape[:2])


def test_means_of_identities_are_of_the_training_square(tmp_path):
    geometry = CropGeometry(32, 1.25, 48)
    training, caches = {}, {}
    for name, inner in (("alice", (250, 0, 0)), ("bob", (0, 250, 0))):
        faces = np.full((5, 48, 48, 6), 255, np.uint8)
        faces[:, 8:40, 8:40, :3] = inner
        faces[4] = 255  # held out
        np.save(tmp_path / f"{name}.npy", faces)
        caches[name] = FaceCache(tmp_path / f"{name}.npy", geometry)
        training[name] = np.arange(4)
    weights = [LossWeights(), LossWeights(identity_swap=0.1)]
    device = torch.device("cpu")
    networks = open_loss_networks(weights, "colours", caches, training, device)
    assert networks.lpips is None
    assert networks.identity is not None
    torch.testing.assert_close(networks.identity.means, torch.eye(2, 3), atol=1e-4, rtol=0)
    assert open_loss_networks(weights[:1], "colours", caches, training, device) == NO_NETWORKS
