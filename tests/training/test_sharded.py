"""Trainings whose weights are divided over several processes."""

import copy

import pytest

from tests.training.processes import losses_of_processes

RECIPE = {
    "model": {
        "name": "liae",
        "options": {"size": 64, "ae_dims": 16, "e_dims": 4, "d_dims": 4, "d_mask_dims": 2},
    },
    "optimizer": {"name": "muon", "lr": 1e-4, "ema": 0.9, "auto_clip": 50, "lr_dropout": 0.3},
    "training": {"batch": 4, "steps": 8, "precision": "fp32", "device": "cpu", "micro_batches": 2},
    "output": {"log_every": 1, "save_every": 4, "preview_every": 4},
}


def changed(**settings):
    """The recipe with changes, as ``section__name=value``."""
    recipe = copy.deepcopy(RECIPE)
    for place, value in settings.items():
        section, name = place.split("__")
        recipe[section][name] = value
    return recipe


def test_two_processes_with_a_half_of_each_weight_train_as_one(faces, tmp_path):
    one = losses_of_processes(RECIPE, faces, tmp_path, 1)
    two = losses_of_processes(changed(training__shard=True), faces, tmp_path, 2)
    for name, losses in one.items():
        assert len(losses) == 8
        assert two[name] == pytest.approx(losses, abs=1e-4)
