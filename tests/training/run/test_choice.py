"""The choice between weights and their moving average, in checkpoints."""

import pytest

from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.ema import EMA
from faceswap.training.build import open_training, run_training
from faceswap.training.monitoring.measurement import Measurement
from faceswap.training.run.choice import ModelChoice
from tests.training.tiny import configured, same, tiny, weights


def choice(ema=True):
    model = tiny(("alice", "bob"))
    return ModelChoice(model, EMA(model, 0.9) if ema else None)


@pytest.mark.parametrize("averaged", [False, True])
def test_a_restored_choice_is_the_saved_one(averaged):
    saved, restored = choice(), choice()
    saved.averaged, restored.averaged = averaged, not averaged
    restored.load_state_dict(saved.state_dict())
    assert restored.averaged == averaged
    assert restored.model is restored.models[averaged]


def test_without_a_record_it_is_the_moving_average_if_there_is_one():
    for ema in (True, False):
        restored = choice(ema)
        restored.load_state_dict({})
        assert restored.averaged == ema
    plain = choice(ema=False)
    plain.load_state_dict({"averaged": True})  # the moving average was switched off
    assert plain.model is plain.models[False]
    assert plain.state_dict() == {}


@pytest.mark.parametrize("averaged", [False, True])
def test_a_resumed_run_exports_what_was_chosen(faces, tmp_path, monkeypatch, averaged):
    def choose(self):
        self._choice.averaged = averaged
        return measure(self)

    measure = Measurement.measure
    monkeypatch.setattr(Measurement, "measure", choose)
    config = configured("training.steps=3", "optimizer.ema=0.9", "data.held_out=0")
    run_training(config, faces, tmp_path / "run")
    found = load_checkpoint(tmp_path / "run" / "checkpoints")
    assert found is not None
    group = found.tensors["ema" if averaged else "model"]
    (tmp_path / "run" / "model" / "model.safetensors").unlink()
    with open_training(config, faces, tmp_path / "run") as (_, trainer):
        trainer.train()  # makes up the export
    assert same(weights(tmp_path / "run"), group)
