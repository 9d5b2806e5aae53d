"""The recipes of trainings: complete, and trainable through all their phases."""

import pytest
import torch

from faceswap.core.config import load_config, recipe_names
from faceswap.core.device_memory import card
from faceswap.models import build_model, check_options
from faceswap.training.build import run_training
from faceswap.training.fit.simulated_training import simulate
from faceswap.training.settings import TrainConfig

RECIPES = recipe_names("faceswap")
SAEHD = ["ae_dims=16", "e_dims=4", "d_dims=4", "d_mask_dims=2", "size=64"]
# Options that make the model of a recipe small; recipes without phases are trained elsewhere.
WITH_PHASES = {"v2": SAEHD, "v3": SAEHD}
# GB, and the precision of the oldest cards of that size that are in use.
PRESETS = {
    "6gb": (6, "fp32"),
    "8gb": (8, "fp32"),
    "12gb": (12, "bf16"),
    "24gb": (24, "bf16"),
    "80gb": (80, "bf16"),
}


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_describes_a_model_and_valid_phases(name):
    config = load_config(TrainConfig, "faceswap", name)
    check_options(config.model.name, config.model.options)
    with torch.device("meta"):
        build_model(config.model.name, ("alice", "bob"), config.model.options)
    assert len(config.in_phases()) == max(1, len(config.phases))
    assert bool(config.phases) == (name in WITH_PHASES or name in PRESETS)


@pytest.mark.parametrize("name", WITH_PHASES)
def test_recipe_trains_through_its_phases(name, faces, tmp_path, caplog):
    caplog.set_level("INFO")
    overrides = [
        *(f"model.options.{option}" for option in WITH_PHASES[name]),
        "data.coverage=1.2",
        "training.steps=10",
        "training.batch=2",
        "training.device=cpu",
        "training.precision=fp32",
    ]
    config = load_config(TrainConfig, "faceswap", name, overrides)
    result = run_training(config, faces, tmp_path / "run")
    assert result.step == 10
    assert (tmp_path / "run" / "model" / "model.json").is_file()
    entered = [r.message.split()[1] for r in caplog.records if r.message.startswith("Phase ")]
    assert entered == [phase.name for phase in config.phases]


@pytest.mark.parametrize("name", PRESETS)
def test_preset_fits_its_card_and_uses_most_of_it(name):
    config = load_config(TrainConfig, "faceswap", name)
    gigabytes, precision = PRESETS[name]
    capacity = card(gigabytes)
    with simulate(config, ("alice", "bob"), precision) as training:
        steps = [training.peak(config.training.batch, phase) for phase in range(training.phases)]
        needed = capacity.needed(max(*steps, training.evaluation_peak()))
    assert 0.6 * capacity.memory < needed <= capacity.memory
