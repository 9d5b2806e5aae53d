"""Settings of phases: what they may change, and what is refused."""

from dataclasses import replace

import pytest
import yaml
from accelerate import Accelerator

from faceswap.core.config import load_config
from faceswap.core.errors import ConfigError
from faceswap.training.from_settings import build_phases
from faceswap.training.settings import TrainConfig
from faceswap.training.settings.phases import is_changeable
from tests.training.phased import PHASES, phased
from tests.training.tiny import configured

UNUSUAL = {
    **{"augmentation.colour_method": "mkl", "augmentation.flip": {"alice": 0.3}},
    **{"adversarial.patch": None, "adversarial.dims": None},  # of the whole training: see below
    **{"data.balance_sources": True, "optimizer.schedule": "cosine"},
    **{"loss.stride": 3, "adversarial.swaps": True, "training.freeze": ["encoder"]},
}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"set": {"model.name": "small"}}, "phase 'detail' cannot change model.name"),
        ({"set": {"optimizer.name": "adamw"}}, "phase 'detail' cannot change optimizer.name"),
        ({"set": {"training.batch": 8}}, "phase 'detail' cannot change training.batch"),
        ({"set": {"data": {"coverage": 1.0}}}, "phase 'detail' cannot change data.coverage"),
        ({"set": {"seed": 1}}, "phase 'detail' cannot change seed"),
        ({"set": {"augmentation.wrap": 0}}, "in the phase 'detail': unknown setting 'augment"),
        (
            {"set": {"augmentation": 0}},
            "phase 'detail' has no values for the settings of augmentation",
        ),
        ({"set": {"loss.identity_network": "x"}}, "'detail' cannot change loss.identity_network"),
        ({"set": {"loss.l1": -1}}, "in the phase 'detail': loss.l1"),
        ({"set": {"optimizer.lr": "fast"}}, "in the phase 'detail': optimizer.lr"),
        ({"share": None}, "phase 'detail' has no end, so 'finish' never begins"),
        ({"share": 0.6}, "at most 1 together, found 1.1"),
        ({"name": "finish"}, "two called 'finish'"),
        ({"name": ""}, r"phases.1.name"),
        ({"length": 4}, r"unknown setting 'phases.1.length'"),
    ],
)
def test_unusable_phases_are_refused_when_the_settings_are_read(tmp_path, change, said):
    phases = [PHASES[0], PHASES[1] | change, PHASES[2]]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump({"training": {"steps": 8}, "phases": phases}))
    with pytest.raises(ConfigError, match=said):
        load_config(TrainConfig, "faceswap", recipe)


def changed(name, value):
    if name in UNUSUAL:
        return UNUSUAL[name]
    if isinstance(value, int):
        return value + 1
    return value + 0.5 if value >= 1 else value * 0.5 + 0.03


def test_whatever_a_phase_may_change_is_of_the_phase():
    base = configured("training.steps=8")
    opened = Accelerator(cpu=True)
    values = base.model_dump(exclude={"phases"})
    names = [
        f"{name}.{inner}" for name, section in values.items() if name != "seed" for inner in section
    ]
    plain = build_phases(base, opened)[0]
    names = [name for name in names if is_changeable(name) and UNUSUAL.get(name, 0) is not None]
    assert len(names) > 40
    for name in names:
        section, _, inner = name.partition(".")
        override = {name: changed(name, values[section][inner])}
        phases = [{"name": "only", "set": override}]
        (phase,) = build_phases(phased("training.steps=8", phases=phases), opened)
        assert replace(phase, name="") != plain, name


def test_a_share_needs_a_budget(tmp_path):
    with pytest.raises(ConfigError, match="phase 'generalise' ends after a share of the budget"):
        phased()
    assert phased("training.minutes=1.0").phases[1].share == 0.25


def test_settings_of_a_run_with_phases_are_read_back(tmp_path):
    config = phased("training.steps=8")
    path = tmp_path / "config.yaml"
    path.write_text(yaml.safe_dump(config.model_dump(mode="json")))
    assert load_config(TrainConfig, "faceswap", path) == config
    warps = [own.augmentation.warp for own in config.in_phases()]
    assert warps == [0.03, 0.0, 0.03]
    assert config.in_phases()[1] == replace_phases(config)


def replace_phases(config):
    """The settings of `detail`, written as settings of a whole training."""
    inner = PHASES[1]["set"]
    return configured(
        "training.steps=8",
        *(f"augmentation.{name}={value}" for name, value in inner["augmentation"].items()),
        *(f"{name}={value}" for name, value in inner.items() if "." in name),
    )
