"""A face model of a few thousand weights, and short trainings of it."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.config import load_config
from faceswap.core.training_state import AVERAGED, MODEL, evaluated_group
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.blocks import Bottleneck, Downscale, Upscale
from faceswap.training.settings import TrainConfig

PEOPLE = ("alice", "bob")
SETTINGS = [
    "model.name=tiny",
    "optimizer.lr=2e-3",
    "training.batch=4",
    "training.precision=fp32",
    "training.device=cpu",
    "output.save_every=5",
    "output.preview_every=5",
    "output.log_every=2",
]


def tiny(identities, dropout: float = 0.1):
    """Builds the model for identities, 16 pixels on each side."""

    def decoder():
        return nn.Sequential(Upscale(8, 8), nn.Dropout(dropout), nn.Conv2d(8, 3, 3, padding=1))

    encoder = nn.Sequential(Downscale(3, 8), Downscale(8, 16))
    inter = nn.Sequential(Bottleneck(16, 4, 16, 8, 8))
    return FaceAutoencoder(encoder, inter, {name: decoder() for name in identities}, 16, 16)


def configured(*overrides):
    """Settings of a short training, with changes."""
    return load_config(TrainConfig, "faceswap", None, [*SETTINGS, *overrides])


def weights(run: Path):
    """Weights at the newest checkpoint of a run: the better of the weights and their average."""
    newest = load_checkpoint(run / "checkpoints", groups=[MODEL, AVERAGED])
    assert newest is not None
    return newest.tensors[evaluated_group(newest)]


def exported(run: Path):
    """Step and weights of the exported model of a run."""
    folder = run / "model"
    step = json.loads((folder / "model.json").read_text())["step"]
    # Copies: the tensors of the reader are the file, which a test may change.
    found = load_file(folder / "model.safetensors")
    return step, {name: tensor.clone() for name, tensor in found.items()}


def same(a, b):
    """Whether two sets of weights are equal to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
