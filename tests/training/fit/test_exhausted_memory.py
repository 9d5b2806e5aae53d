"""Exhausted memory in a training: an error that says what to change, and a run that resumes."""

import pytest
import torch

from faceswap.core.device_memory import Capacity
from faceswap.core.errors import MemoryExhaustedError
from faceswap.core.memory import describe_exhausted, is_exhausted
from faceswap.training.build import run_training
from faceswap.training.fit import exhausted_memory
from faceswap.training.loop.step import TrainStep
from tests.training.tiny import configured, same, weights

ON_GPU = (
    "CUDA out of memory. Tried to allocate 2.50 GiB. GPU 0 has a total capacity of 11.75 GiB of "
    "which 812.06 MiB is free."
)
ON_CPU = (
    "[enforce fail at alloc_cpu.cpp:121] err == 0. DefaultCPUAllocator: can't allocate memory: you "
    "tried to allocate 1073741824 bytes. Error code 12 (Cannot allocate memory)"
)


@pytest.mark.parametrize(
    ("error", "details"),
    [
        (torch.OutOfMemoryError(ON_GPU), "2.50 GiB more were asked for, 812.06 MiB were free"),
        (RuntimeError(ON_CPU), "1,024.0 MiB more were asked for"),
        (MemoryError(), ""),
    ],
)
def test_what_torch_says(error, details):
    assert is_exhausted(error)
    assert describe_exhausted(error) == details


def test_other_errors_are_not_of_memory():
    assert not is_exhausted(RuntimeError("shapes do not match"))
    assert not is_exhausted(ValueError(ON_CPU))


@pytest.fixture
def exhausts(monkeypatch):
    """A step that runs out of memory while more than eight faces are in it."""
    plain = TrainStep.__call__

    def step(self, micro_batches, phase, lr, scheduled, number):
        if number == 6 and micro_batches[0].crops.shape[1] > 8:
            raise torch.OutOfMemoryError(ON_GPU)
        return plain(self, micro_batches, phase, lr, scheduled, number)

    monkeypatch.setattr(TrainStep, "__call__", step)


def test_the_error_names_settings_that_resume_the_run(exhausts, faces, tmp_path, monkeypatch):
    available = Capacity("a device", 1 << 40)  # the settings cannot be used all the same
    monkeypatch.setattr(exhausted_memory, "rest_of", lambda _: available)
    config = configured("training.batch=16", "training.steps=8", "training.micro_batches=1")
    with pytest.raises(MemoryExhaustedError) as caught:
        run_training(config, faces, tmp_path / "run")
    error = caught.value
    assert error.exit_code == 2
    assert error.message == (
        "The memory is exhausted in step 7: 2.50 GiB more were asked for, 812.06 MiB were free."
    )
    assert "Batch 16 takes about" in error.hint
    assert "--set training.batch=" in error.hint
    assert "--set training.micro_batches=2 (same results, slower)" in error.hint
    assert "The last checkpoint is intact" in error.hint
    halved = configured("training.batch=16", "training.steps=8", "training.micro_batches=2")
    assert run_training(halved, faces, tmp_path / "run").step == 8


def test_the_resumed_run_is_that_without_the_error(faces, tmp_path, monkeypatch):
    config = configured("training.steps=8", "training.batch=4")
    run_training(config, faces, tmp_path / "whole")
    plain, failed = TrainStep.__call__, []

    def fails_once(self, micro_batches, phase, lr, scheduled, number):
        if number == 6 and not failed:
            failed.append(number)
            raise RuntimeError(ON_CPU)
        return plain(self, micro_batches, phase, lr, scheduled, number)

    monkeypatch.setattr(TrainStep, "__call__", fails_once)
    monkeypatch.setattr(exhausted_memory, "_advice", lambda *_: "advice")
    with pytest.raises(MemoryExhaustedError, match="in step 7"):
        run_training(config, faces, tmp_path / "run")
    run_training(config, faces, tmp_path / "run")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "run"))
