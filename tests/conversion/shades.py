"""Runs of a model that decodes one grey, so that pixels tell which checkpoint made them."""

from pathlib import Path

import torch
from torch import nn

from faceswap.core.checkpoint import save_checkpoint, settle_checkpoints
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, save_model

SHADES = {5: -4.0, 9: 4.0}
"""Logit of the one grey that the model decodes at each step."""


class Shade(nn.Module):
    """A decoder of one grey."""

    def __init__(self, logit: float = 0.0) -> None:
        super().__init__()
        self.logit = nn.Parameter(torch.full((1, 3, 1, 1), logit))

    def forward(self, code: torch.Tensor) -> torch.Tensor:
        return self.logit.expand(len(code), 3, 64, 64)


def shades(identities, logit: float = 0.0) -> FaceAutoencoder:
    decoders = {name: Shade(logit) for name in identities}
    return FaceAutoencoder(nn.Identity(), nn.Identity(), decoders, 64, 64)


def write_run(path: Path) -> Path:
    """A run whose best checkpoint, of step 5, is dark, and whose latest, of step 9, is bright."""
    for step, logit in SHADES.items():
        model = shades(("alice", "bob"), logit)
        save_checkpoint(path / "checkpoints", step, {"model": model.state_dict()}, {})
        meta = ModelMeta("shades", {}, model.identities, 1.25, step)
        save_model(path / "model", model, meta)
    settle_checkpoints(path / "checkpoints", max(SHADES), best=5, keep=2)
    return path
