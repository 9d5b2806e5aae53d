"""Settings without effect are reported, and those of recipes are not among them."""

import json

import pytest

from faceswap.core.config import load_config, recipe_names
from faceswap.core.errors import ConfigError
from faceswap.models import check_options
from faceswap.training.build import run_training
from faceswap.training.settings import TrainConfig
from faceswap.training.settings.effects import DEPENDENCIES, ModelKind, without_effect
from tests.training.tiny import configured

PLAIN, GUIDED = ModelKind(guided=False, masks=False), ModelKind(guided=True, masks=True)

# For each setting: a value that needs something, and settings with which it has an effect.
CASES = {
    "augmentation.colour_method=mkl": ["augmentation.colour_transfer=0.1"],
    "data.match_pose=1": ["data.match=0.5"],
    "data.references=64": None,
    "loss.swap=0.5": ["data.match=0.5"],
    "loss.mask=0.5": None,
    "loss.mask_margin=0.05": ["loss.inside=2"],
    "loss.mask_blur=0.05": ["loss.outside=0"],
    "loss.stride=2": ["loss.dssim=1"],
    "loss.identity_network=other": ["loss.identity=1"],
    "adversarial.patch=16": ["adversarial.power=0.1"],
    "adversarial.dims=8": ["adversarial.power=0.1"],
    "adversarial.swaps=true": ["adversarial.power=0.1", "data.match=0.5"],
    "adversarial.lr=1e-4": ["adversarial.true_face=0.1"],
    "optimizer.schedule=cosine": ["optimizer.decay=0.5"],
    "optimizer.decay=0.5": ["training.steps=9"],
    "optimizer.weight_decay=0.1": ["optimizer.name=adamw"],
    "training.patience=2": ["data.held_out=0.1"],
}
OFF = {"loss.stride=2": ["loss.dssim=0"], "training.patience=2": ["data.held_out=0"]}
OFF["optimizer.schedule=cosine"] = ["training.steps=9"]


def lines(*overrides, model=PLAIN):
    return list(without_effect(configured(*overrides).in_phases(), model))


def named(setting):
    return setting.partition("=")[0]


def test_every_dependency_has_a_case():
    assert [named(case) for case in CASES] == [name for each in DEPENDENCIES for name in each.names]


@pytest.mark.parametrize("setting", CASES)
def test_a_setting_without_effect_is_reported_until_it_has_one(setting):
    [line] = lines(*OFF.get(setting, []), setting)
    assert line.startswith(f"{named(setting)} has no effect without ")
    needed = CASES[setting]
    if needed is None:  # the model decides
        assert lines(setting, model=GUIDED) == []
    else:
        assert lines(*needed, "training.steps=9", setting) == []


@pytest.mark.parametrize("name", [None, *recipe_names("faceswap")])
def test_neither_defaults_nor_recipes_have_settings_without_effect(name):
    config = load_config(TrainConfig, "faceswap", name)
    masks = check_options(config.model.name, config.model.options).get("mask", True)
    model = ModelKind(config.model.name == "anchored", masks)
    assert list(without_effect(config.in_phases(), model)) == []


def phased(*sets):
    phases = [{"name": f"p{number}", "share": 0.3, "set": set_} for number, set_ in enumerate(sets)]
    return [f"phases={json.dumps(phases)}", "training.steps=9"]


def test_an_effect_in_one_phase_suffices():
    wide = "adversarial.dims=8"
    assert lines(wide, *phased({}, {"adversarial.power": 0.1})) == []
    assert len(lines(wide, *phased({}, {}))) == 1
    # It is set in the first phase, and needed in the second.
    sets = {"optimizer.schedule": "cosine"}, {"optimizer.decay": 0.5}
    assert lines(*phased(*sets)) == ["optimizer.schedule has no effect without optimizer.decay."]


def test_the_training_says_so(faces, tmp_path, caplog):
    settings = ("training.steps=0", "loss.swap=0.5", "loss.mask=0.4")
    with caplog.at_level("WARNING", logger="faceswap"):
        run_training(configured(*settings), faces, tmp_path / "run")
    assert caplog.messages == ["loss.swap has no effect without data.match."]


def test_a_patience_without_held_out_faces_ends_no_phase():
    with pytest.raises(ConfigError, match="'begin' has no end") as caught:
        configured('phases=[{"name": "begin", "patience": 2}, {"name": "end"}]', "data.held_out=0")
    assert "held-out faces" in caught.value.hint
