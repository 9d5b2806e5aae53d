"""What to change where a training does not fit."""

from faceswap.core.device_memory import Capacity
from faceswap.training.fit.changes import changes_that_fit, with_settings
from faceswap.training.fit.simulated_training import simulate
from tests.training.tiny import PEOPLE, configured


def peak_of(config, **settings):
    with simulate(with_settings(config, settings), PEOPLE, "fp32") as training:
        return training.peak(settings.get("training.batch", config.training.batch), 0)


def test_changes_are_such_that_it_fits():
    config = configured("training.batch=16")
    with simulate(config, PEOPLE, "fp32") as training:
        state, asked = training.state.total, training.peak(16, 0)
    memory = Capacity("a device", state + 0.6 * (asked - state))
    changes = changes_that_fit(config, PEOPLE, "fp32", memory)
    named = {name for change in changes for name in change.settings}
    assert {"training.batch", "training.micro_batches", "training.checkpointing"} <= named
    for change in changes:
        assert peak_of(config, **change.settings) <= change.peak <= memory.memory < asked
    assert 4 <= changes[0].settings["training.batch"] < 16
    assert any("--set training.micro_batches=2 (same results" in str(change) for change in changes)


def test_a_smaller_model_is_suggested_where_no_batch_fits():
    config = configured("model.name=original", "model.options={width: 16}")
    with simulate(config, PEOPLE, "fp32") as training:
        memory = Capacity("a device", 0.7 * training.state.total)
    changes = changes_that_fit(config, PEOPLE, "fp32", memory)
    assert changes
    assert all(memory.fits(peak_of(config, **change.settings)) for change in changes)
    assert any("model.options" in name for change in changes for name in change.settings)
