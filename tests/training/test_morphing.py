"""Training of a model that exchanges channels at random."""

import pytest

from faceswap.training.build import run_training
from tests.models.small_options import SMALL
from tests.training.tiny import configured

AMP = [f"model.options.{name}={value}" for name, value in SMALL["amp"].items()]


def losses(faces, run, *overrides):
    settings = configured("model.name=amp", *AMP, "training.steps=3", "loss.swap=0.5", *overrides)
    return run_training(settings, faces, run).losses


def test_micro_batches_exchange_the_channels_of_the_whole_batch(faces, tmp_path):
    whole, divided, plain = (
        losses(faces, tmp_path / name, *changes)
        for name, changes in (
            ("whole", []),
            ("divided", ["training.micro_batches=2"]),
            ("plain", ["model.options.mix=0.0"]),
        )
    )
    for person, expected in whole.items():
        assert divided[person] == pytest.approx(expected, abs=1e-4)
        assert plain[person] != pytest.approx(expected, abs=1e-4)


@pytest.mark.slow
def test_two_processes_exchange_the_channels_of_one(processes, faces, tmp_path):
    recipe = {"model": {"name": "amp", "options": SMALL["amp"]}}
    recipe |= {"optimizer": {"lr": 1e-4}, "output": {"log_every": 1}}
    recipe |= {"training": {"batch": 4, "steps": 5, "precision": "fp32", "device": "cpu"}}
    alone, shared = (processes.losses(recipe, faces, tmp_path, count) for count in (1, 2))
    for person in faces:
        assert shared[person] == pytest.approx(alone[person], abs=1e-4)
