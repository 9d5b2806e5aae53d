"""The tiny model, and faces of two people."""

import pytest

from faceswap.models.registry import models
from faceswap.training.loop.trainer import Trainer
from faceswap.training.monitoring.curves import Curves
from tests.training.processes import Processes
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


@pytest.fixture(scope="session")
def make_faces(make_faceset):
    """Function that writes facesets of two people into a folder."""

    def make(folder):
        shades = {"alice": (220, 170, 140), "bob": (150, 100, 70)}
        return {name: [make_faceset(folder / name, shade=shade)] for name, shade in shades.items()}

    return make


@pytest.fixture
def faces(make_faces, tmp_path):
    return make_faces(tmp_path / "faces")


@pytest.fixture(scope="session")
def processes(tmp_path_factory):
    """One process and two, which train the same."""
    opened = Processes(tmp_path_factory.mktemp("processes"))
    yield opened
    opened.end()


@pytest.fixture
def tried(monkeypatch):
    """Batches of which real steps are taken."""
    plain, batches = Trainer.try_step, []

    def try_step(self, phase, batch):
        batches.append(batch)
        plain(self, phase, batch)

    monkeypatch.setattr(Trainer, "try_step", try_step)
    return batches
