"""What ``--fit`` reports: on this machine, for a card elsewhere, and in several processes."""

from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest

from faceswap.core.device_memory import GIB, card
from faceswap.core.errors import ConfigError, MemoryExhaustedError
from faceswap.core.peers import Peers
from faceswap.train import report_fit, train
from faceswap.training.batch_size_finder import find_batch
from faceswap.training.fit.simulated_training import simulate
from faceswap.training.loop.trainer import Trainer
from tests.training.tiny import PEOPLE, configured


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


def test_the_machine_itself_without_a_memory(faces, tmp_path):
    report = find_batch(configured(), faces, tmp_path / "run")
    assert report.fit.capacity.name == "this machine (cpu)"
    assert report.fit.largest
    assert report.fit.largest.batch >= 16


def test_an_allocator_that_refuses_the_smallest_batch_is_explained(faces, tmp_path, monkeypatch):
    def try_step(self, phase, batch):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(Trainer, "try_step", try_step)
    monkeypatch.setattr("faceswap.training.batch_size_finder.is_guided", lambda *_: True)
    with pytest.raises(MemoryExhaustedError, match="in a step of the smallest batch"):
        find_batch(configured(), faces, tmp_path / "run")


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
    monkeypatch.setattr("faceswap.training.batch_size_finder.join_processes", lambda: peers)


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
    monkeypatch.setattr("faceswap.training.batch_size_finder.is_guided", lambda *_: True)
    with pytest.raises(ConfigError, match="only in one process"):
        find_batch(configured(), faces, tmp_path / "run")
