"""Memory of real steps, which are not tried where they would not fit."""

import pytest

from faceswap.core.device_memory import Capacity
from faceswap.training.build import open_training
from faceswap.training.fit.largest_batch import find_fit
from faceswap.training.fit.measured_training import MeasuredTraining
from faceswap.training.fit.simulated_training import simulate
from faceswap.training.loop.trainer import Trainer
from tests.models.small_options import SMALL
from tests.training.tiny import PEOPLE, configured


def test_real_steps_take_what_is_simulated(faces, tmp_path):
    config = configured("optimizer.ema=0.9", "adversarial.power=0.1", "adversarial.dims=4")
    with open_training(config, faces, tmp_path / "run", writes=False) as (opened, trainer):
        measured = MeasuredTraining(opened, trainer, Capacity("a device", 1e12))
        found = {batch: measured.peak(batch, 0) for batch in (4, 12)}
        evaluation = measured.evaluation_peak()
    with simulate(config, PEOPLE, "fp32") as training:
        assert training.state == measured.state
        for batch, peak in found.items():
            assert training.peak(batch, 0) == pytest.approx(peak, rel=0.1)
        assert training.evaluation_peak() == pytest.approx(evaluation, rel=0.1)


def test_batches_that_would_not_fit_are_not_tried_on_a_cpu(faces, tmp_path, tried):
    config = configured()
    with simulate(config, PEOPLE, "fp32") as training:
        memory = Capacity("a device", training.peak(20, 0))
    with open_training(config, faces, tmp_path / "run", writes=False) as (opened, trainer):
        fit = find_fit(MeasuredTraining(opened, trainer, memory), 256, 1, memory)
    assert fit.largest
    assert 12 <= fit.largest.batch <= 24
    assert max(tried) < 40
    assert fit.asked.step
    assert fit.asked.step > 8 * memory.memory


def test_an_allocator_that_refuses_is_a_batch_that_does_not_fit(faces, tmp_path, monkeypatch):
    plain, memory = Trainer.try_step, Capacity("a device", 1e12)

    def try_step(self, phase, batch):
        if batch > 8:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        if batch == 3:
            raise RuntimeError("another error")
        plain(self, phase, batch)

    monkeypatch.setattr(Trainer, "try_step", try_step)
    with open_training(configured(), faces, tmp_path / "run", writes=False) as (opened, trainer):
        training = MeasuredTraining(opened, trainer, memory)
        fit = find_fit(training, 16, 1, memory)
        with pytest.raises(RuntimeError, match="another error"):
            training.peak(3, 0)
    assert fit.asked.step is None
    assert fit.largest
    assert fit.largest.batch == 8


@pytest.mark.parametrize("name", ["tiny", "amp"])
def test_steps_of_batches_larger_than_that_of_the_settings(name, faces, tmp_path):
    options = SMALL["amp"] if name == "amp" else {}
    config = configured(
        f"model.name={name}",
        *(f"model.options.{option}={value}" for option, value in options.items()),
        "loss.swap=0.5",
    )
    with simulate(config, PEOPLE, "fp32") as training:
        peaks = [training.peak(batch, 0) for batch in (4, 8, 12)]
    assert peaks == sorted(peaks)
    with open_training(config, faces, tmp_path / "run", writes=False) as (_, trainer):
        trainer.try_step(trainer.phases[0], 12)
