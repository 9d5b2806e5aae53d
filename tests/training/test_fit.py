"""The largest batch that fits, what a training takes, and what to change where it does not fit."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from faceswap.core.batch_size_finder import StateMemory
from faceswap.core.device_memory import GIB, Capacity, card
from faceswap.core.errors import ConfigError, MemoryExhaustedError
from faceswap.core.peers import Peers
from faceswap.train import report_fit, train
from faceswap.training.build import open_training
from faceswap.training.fit import changes_that_fit, find_fit, with_settings
from faceswap.training.fit_measured import MeasuredTraining
from faceswap.training.fit_report import find_batch
from faceswap.training.fit_simulation import simulate
from faceswap.training.loop.trainer import Trainer
from tests.models.small_options import SMALL
from tests.training.tiny import configured

PEOPLE = ("alice", "bob")


class Pretended:
    """A training of two phases, whose second one takes most of large batches."""

    state = StateMemory(100, 100, 200, 0)
    phases = 2

    def __init__(self, holds=1 << 60, evaluation=500):
        self.holds, self.evaluation, self.tried = holds, evaluation, []

    def peak(self, batch, phase):
        self.tried.append((batch, phase))
        size = 400 + (20 * batch if phase else max(200, 10 * batch))
        return size if size <= self.holds else None

    def evaluation_peak(self):
        return self.evaluation


@pytest.mark.parametrize(
    ("memory", "unit", "expected"),
    [(2000, 1, 80), (2000, 6, 78), (580, 1, None), (600, 1, 8), (640, 4, 12), (1e9, 1, 512)],
)
def test_the_largest_batch_fits_in_all_phases(memory, unit, expected):
    training = Pretended()
    fit = find_fit(training, 12, unit, Capacity("a device", memory))
    assert (fit.largest and fit.largest.batch) == expected
    assert fit.asked.step == 640
    assert len(training.tried) == len(set(training.tried)) < 30
    if expected and expected > 12:
        assert fit.per_face == 20
        assert fit.largest
        assert fit.largest.peak == 400 + 20 * expected


def test_steps_and_evaluations_that_do_not_fit():
    fit = find_fit(Pretended(holds=900), 64, 1, Capacity("a device", 1e9))
    assert fit.asked.peak is None
    assert fit.largest
    assert fit.largest.batch == 24
    assert find_fit(Pretended(evaluation=5000), 4, 1, Capacity("a device", 2000)).largest is None


def test_the_allowance_is_added():
    capacity = card(12)
    assert capacity.memory == 12 * GIB
    assert capacity.needed(10 * GIB) == pytest.approx(11.75 * GIB)
    assert capacity.fits(10 * GIB)
    assert not capacity.fits(10.3 * GIB)
    assert not capacity.fits(None)


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


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_fit_reports_and_writes_nothing(faces, tmp_path, capsys):
    before = content(tmp_path)
    named = [f"{name}={paths[0]}" for name, paths in faces.items()]
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text("model: {name: tiny}\ntraining: {device: cpu, precision: fp32}\n")
    train(tmp_path / "run", named, config=str(recipe), fit=True, memory=1.0)
    printed = capsys.readouterr()
    assert "peak of a step" in printed.out
    assert "batch 16" in printed.out
    assert "a card of 1 GB; a step in fp32, estimated" in printed.err
    assert "Batch 16 fits." in printed.err
    recipe.unlink()
    assert content(tmp_path) == before


def test_fit_names_what_to_change(faces, tmp_path, capsys):
    config = configured("model.name=original", "model.options={width: 8}", "training.batch=32")
    with simulate(config, PEOPLE, "bf16") as training:
        between = (training.state.total + training.peak(32, 0)) / 2
    report_fit(config, faces, tmp_path / "run", memory=card(1).needed(between) / GIB)
    printed = capsys.readouterr().err
    assert "Batch 32 does not fit." in printed
    assert "Largest batch: --set training.batch=" in printed
    assert "Or: --set training.micro_batches=" in printed


def test_memory_needs_fit(tmp_path):
    with pytest.raises(ConfigError, match="--fit"):
        train(tmp_path / "run", memory=8.0)


def test_real_steps_take_what_is_simulated(faces, tmp_path):
    config = configured("optimizer.ema=0.9", "adversarial.power=0.1", "adversarial.dims=4")
    with (
        open_training(config, faces, tmp_path / "run", writes=False) as (opened, trainer),
    ):
        measured = MeasuredTraining(opened, trainer, Capacity("a device", 1e12))
        found = {batch: measured.peak(batch, 0) for batch in (4, 12)}
        evaluation = measured.evaluation_peak()
    with simulate(config, PEOPLE, "fp32") as training:
        assert training.state == measured.state
        for batch, peak in found.items():
            assert training.peak(batch, 0) == pytest.approx(peak, rel=0.1)
        assert training.evaluation_peak() == pytest.approx(evaluation, rel=0.1)


def test_the_machine_itself_without_a_memory(faces, tmp_path):
    report = find_batch(configured(), faces, tmp_path / "run")
    assert report.fit.capacity.name == "this machine (cpu)"
    assert report.fit.largest
    assert report.fit.largest.batch >= 16


@pytest.fixture
def tried(monkeypatch):
    """Batches of which real steps are taken."""
    plain, batches = Trainer.try_step, []

    def try_step(self, phase, batch):
        batches.append(batch)
        plain(self, phase, batch)

    monkeypatch.setattr(Trainer, "try_step", try_step)
    return batches


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


def test_an_allocator_that_refuses_the_smallest_batch_is_explained(faces, tmp_path, monkeypatch):
    def try_step(self, phase, batch):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Trainer, "try_step", try_step)
    monkeypatch.setattr("faceswap.training.fit_report.is_guided", lambda *_: True)
    with pytest.raises(MemoryExhaustedError, match="in a step of the smallest batch"):
        find_batch(configured(), faces, tmp_path / "run")


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


class TwoProcesses(Peers):
    """The first of two processes, of which the other one has less memory."""

    def gather(self, value):
        return [value, replace(value, memory=0.4 * GIB)]

    @contextmanager
    def together(self):
        yield

    def first(self, function):
        return function()


@pytest.fixture
def two_processes(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    peers = nullcontext(TwoProcesses(count=2))
    monkeypatch.setattr("faceswap.training.fit_report.join_processes", lambda: peers)


def test_several_processes_simulate_for_the_smallest_memory(two_processes, faces, tmp_path, tried):
    report = find_batch(configured(), faces, tmp_path / "run")
    assert not tried
    assert report.device == ""
    assert report.fit.capacity.memory == 0.4 * GIB
    assert report.fit.largest
    assert report.fit.largest.batch % 2 == 0


def test_several_processes_of_a_guided_model_are_refused(
    two_processes, faces, tmp_path, monkeypatch
):
    monkeypatch.setattr("faceswap.training.fit_report.is_guided", lambda *_: True)
    with pytest.raises(ConfigError, match="only in one process"):
        find_batch(configured(), faces, tmp_path / "run")
