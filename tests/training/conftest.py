"""The tiny model, and faces of two people."""

import pytest

from faceswap.models.registry import models
from faceswap.training.loop.trainer import Trainer
from faceswap.training.monitoring.curves import Curves
from tests.training.tiny import tiny


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(models._entries, "tiny", tiny)


class UndrawnCurves(Curves):
    """Evaluations without their page, which takes longer than a short training."""

    def draw(self, progress):
        pass


@pytest.fixture(autouse=True)
def _undrawn(monkeypatch):
    monkeypatch.setattr("faceswap.training.reporting.Curves", UndrawnCurves)


@pytest.fixture
def faces(make_faceset, tmp_path):
    shades = {"alice": (220, 170, 140), "bob": (150, 100, 70)}
    return {
        name: [make_faceset(tmp_path / "faces" / name, shade=shade)]
        for name, shade in shades.items()
    }


@pytest.fixture
def tried(monkeypatch):
    """Batches of which real steps are taken."""
    plain, batches = Trainer.try_step, []

    def try_step(self, phase, batch):
        batches.append(batch)
        plain(self, phase, batch)

    monkeypatch.setattr(Trainer, "try_step", try_step)
    return batches
