"""Short trainings in phases, and what they leave."""

import json
import os
import signal

from faceswap.core.checkpoint import load_checkpoint
from faceswap.training.monitoring.report import Callbacks
from tests.training.tiny import configured

PHASES = [
    {"name": "generalise", "share": 0.5, "set": {"loss.dssim": 0.5}},
    {
        "name": "detail",
        "share": 0.25,
        "set": {
            "augmentation": {"warp": 0.0, "rotation": 20.0},
            "optimizer.lr": 1e-3,
            "optimizer.warmup": 2,
            "data.match": 0.5,
        },
    },
    {"name": "finish", "set": {"loss.features": 4.0, "optimizer.decay": 1.0}},
]
TWELVE = ("training.steps=12", "output.log_every=1")


def phased(*overrides, phases=PHASES):
    return configured(f"phases={json.dumps(phases)}", *overrides)


def interrupt_at(step):
    """Callbacks that stop a training after some step."""

    def interrupt(report):
        if report.step == step - 1:
            os.kill(os.getpid(), signal.SIGTERM)

    return Callbacks(on_step=interrupt)


def newest(run):
    checkpoint = load_checkpoint(run / "checkpoints")
    assert checkpoint is not None
    return checkpoint


def entered(run):
    manifest = json.loads((run / "manifest.json").read_text())
    return [(entry["name"], entry["step"]) for entry in manifest["phases"]]
