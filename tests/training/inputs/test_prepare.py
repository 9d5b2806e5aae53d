"""Options of data and augmentation, from settings to whole trainings of a tiny network."""

import pytest

from faceswap.core.errors import ConfigError
from faceswap.training.build import run_training
from faceswap.training.from_settings import build_balance, warp_ranges
from tests.training.tiny import configured, same, weights

EVERYTHING = (
    *("data.balance_pose=1", "data.balance_expression=0.5", "data.balance_sources=true"),
    *("data.sharpness=1", "data.skip_blurred=0.1", "data.match=0.5", "data.match_pose=1"),
    *("augmentation.flip.alice=0.5", "augmentation.colour_transfer=0.5"),
    *("augmentation.colour_method=mkl", "augmentation.clahe=0.5"),
    *("augmentation.degradation=1", "augmentation.landmark_warp=0.5"),
)


def test_a_resumed_training_with_every_option_gives_the_same_weights(faces, tmp_path):
    run_training(configured("training.steps=6", *EVERYTHING), faces, tmp_path / "whole")
    for steps in (3, 6):
        run_training(configured(f"training.steps={steps}", *EVERYTHING), faces, tmp_path / "cut")
    assert same(weights(tmp_path / "cut"), weights(tmp_path / "whole"))
    run_training(configured("training.steps=6", "data.match=0.5"), faces, tmp_path / "plain")
    assert not same(weights(tmp_path / "plain"), weights(tmp_path / "whole"))


def test_flips_of_unknown_identities_are_refused_before_anything_is_written(faces, tmp_path):
    with pytest.raises(ConfigError, match="'alise'") as caught:
        run_training(configured("augmentation.flip={alise: 0.5}"), faces, tmp_path / "run")
    assert "alice" in caught.value.hint
    assert not (tmp_path / "run" / "cache").exists()


@pytest.mark.parametrize("value", ["2", "{alice: 1.5}", "[1]", "often"])
def test_other_flips_are_refused(value):
    with pytest.raises(ConfigError, match="from 0 to 1, or a mapping of identities"):
        configured(f"augmentation.flip={value}")


def test_unknown_colour_transfers_are_refused():
    with pytest.raises(ConfigError, match=r"linear, .*mkl"):
        configured("augmentation.colour_method=wavelet")


def test_settings_become_plain_values():
    config = configured(*EVERYTHING)
    assert warp_ranges(config.augmentation).flip == 0  # of the identities that are not named
    assert warp_ranges(configured().augmentation).flip == 0.5
    balance = build_balance(config.data)
    assert (balance.pose, balance.expression, balance.sources) == (1.0, 0.5, True)
    assert (balance.sharpness, balance.skip_blurred) == (1.0, 0.1)
