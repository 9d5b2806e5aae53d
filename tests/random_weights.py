"""Weights files with random content under the names of published ones."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from face_alignment.models import FAN

from faceswap.core.files import sha256_file
from faceswap.core.weights import WEIGHTS


def write_random_fan(torch_home: Path) -> Path:
    """Puts random FAN-4 weights into a torch hub cache, under the published name."""
    path = torch_home / "hub" / "checkpoints" / WEIGHTS["fan"].filename
    path.parent.mkdir(parents=True)
    with torch.random.fork_rng():
        torch.manual_seed(4)
        torch.save(FAN(4).state_dict(), path)
    return path


def use_random_fan(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Selects this hub cache, and puts the hash of its random weights into the weights table."""
    monkeypatch.setenv("TORCH_HOME", str(weights.parents[2]))
    monkeypatch.setitem(WEIGHTS, "fan", replace(WEIGHTS["fan"], sha256=sha256_file(weights)))
