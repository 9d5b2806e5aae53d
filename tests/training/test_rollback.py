"""Losses and weights that are not finite."""

import numpy as np
import pytest
import torch
from torch import nn

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import (
    TrainingError,
)
from faceswap.models.registry import models
from faceswap.training.build import run_training
from faceswap.training.monitoring.report import Callbacks
from tests.training.tiny import configured, tiny, weights


class Poisoned(nn.Module):
    """Passes features on, but breaks at one step."""

    def __init__(self, at, times):
        super().__init__()
        self.calls, self.at, self.times = 0, at, times

    def forward(self, features):
        if self.training:
            self.calls += 1
            if self.at <= self.calls < self.at + self.times:
                return features * float("nan")
        return features


def _poisoned(model, poison):
    model.inter.append(poison)
    return model


def test_a_non_finite_loss_rolls_the_run_back(faces, tmp_path, caplog):
    poison = Poisoned(at=8, times=1)
    models._entries["tiny"] = lambda names: _poisoned(tiny(names), poison)
    with caplog.at_level("WARNING", logger="faceswap"):
        result = run_training(configured("training.steps=12"), faces, tmp_path / "run")
    assert "rolled back to step 5" in caplog.text
    assert result.step == 12
    assert all(len(losses) == 12 for losses in result.losses.values())
    assert np.isfinite(result.losses["alice"]).all()
    assert all(w.isfinite().all() for w in weights(tmp_path / "run").values())
    # Training continued with other faces.
    clean = run_training(configured("training.steps=12"), faces, tmp_path / "clean")
    assert clean.losses["alice"][:5] == result.losses["alice"][:5]
    assert clean.losses["alice"][5:7] != result.losses["alice"][5:7]


def test_repeated_divergence_ends_training(faces, tmp_path):
    poison = Poisoned(at=8, times=10**9)
    models._entries["tiny"] = lambda names: _poisoned(tiny(names), poison)
    with pytest.raises(TrainingError, match="non-finite 4 times"):
        run_training(configured("training.steps=12"), faces, tmp_path / "run")
    checkpoint = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert checkpoint is not None
    assert checkpoint.step == 5


def test_non_finite_weights_are_never_saved(faces, tmp_path):
    def break_weights(progress):
        if progress.step == 4 and not broken:
            broken.append(True)
            with torch.no_grad():
                model[0].spare[0] = float("nan")

    broken, model = [], []

    def build(names):
        model.append(tiny(names))
        # Unused weights: the loss stays finite when they do not.
        model[-1].spare = nn.Parameter(torch.zeros(3))
        return model[-1]

    models._entries["tiny"] = build
    result = run_training(
        configured("training.steps=10"),
        faces,
        tmp_path / "run",
        (),
        Callbacks(on_step=break_weights),
    )
    assert result.step == 10
    assert all(w.isfinite().all() for w in weights(tmp_path / "run").values())
