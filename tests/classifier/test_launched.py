"""Trainings of several processes that a launcher started."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from faceswap.core.checkpoint import Checkpoint, load_checkpoint
from faceswap.core.locks import hold_folder
from tests.core.launched import Started, finish, launcher

ROOT = Path(__file__).resolve().parents[2]
Classifier = Callable[..., int | str | None]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")


def last(run_directory: Path) -> Checkpoint:
    found = load_checkpoint(run_directory / "checkpoints")
    assert found is not None
    return found


def launched(*arguments: object) -> Started:
    return Started([*launcher(), ROOT / "classifier" / "train.py", *arguments])


@pytest.mark.slow
@pytest.mark.parametrize("extra", [(), ("--transfer", "gradual"), ("--transfer", "features")])
def test_two_processes_train_like_one(
    extra: tuple[str, ...], halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    settings = [*SMALL, "--set", "augment.flip=true", "--epochs", "2", "--set", "precision=fp32"]
    settings += ["--set", "augment.mixup=0.2", "--set", "augment.cutmix=1"]
    if extra:
        first = tmp_path / "first"
        assert classifier("train", halves, "-o", first, *SMALL, "--epochs", 1) == 0
        settings += [*extra, "--weights", str(first / "model")]
    assert classifier("train", halves, "-o", alone, *settings) == 0
    [ended] = finish(launched(halves, "-o", shared, *settings))
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr.count("epoch 2:") == 1  # only the first process reports
    histories = [last(path).state["progress"]["history"] for path in (alone, shared)]
    for before, after in zip(*histories, strict=True):
        assert before["train_loss"] == pytest.approx(after["train_loss"], abs=1e-5)
        assert before["loss"] == pytest.approx(after["loss"], abs=1e-5)
        assert before["accuracy"] == after["accuracy"]


def await_epoch(started: Started, run: Path) -> None:
    while not (run / "history.json").is_file() and started.process.poll() is None:
        time.sleep(0.1)


@pytest.mark.slow
def test_two_processes_stop_together(halves: Path, tmp_path: Path) -> None:
    with launched(halves, "-o", tmp_path / "run", *SMALL, "--epochs", "2000") as started:
        await_epoch(started, tmp_path / "run")
        started.process.send_signal(signal.SIGTERM)
        [ended] = finish(started)
    assert "Stopped and saved" in ended.stderr
    assert last(tmp_path / "run").step > 0


@pytest.mark.slow
def test_processes_that_lose_their_launcher_save_and_end(
    halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    output = tmp_path / "run"
    with launched(halves, "-o", output, *SMALL, "--epochs", "2000") as started:
        await_epoch(started, output)
        ranks = psutil.Process(started.process.pid).children(recursive=True)
        started.process.kill()
        assert psutil.wait_procs(ranks, timeout=60)[1] == []
    step = last(output).step
    assert step > 0
    # The same command resumes. One epoch may lack no more than its report, so that the steps are
    # those of the next one.
    epochs = len(last(output).state["progress"]["history"]) + 2
    assert classifier("train", halves, "-o", output, *SMALL, "--epochs", epochs) == 0
    assert last(output).step > step
    assert [path.name for path in output.rglob(".*")] == []


@pytest.mark.slow
def test_no_process_trains_in_a_folder_that_is_in_use(halves: Path, tmp_path: Path) -> None:
    output = tmp_path / "run"
    with hold_folder(output, "another training"):
        [ended] = finish(launched(halves, "-o", output, *SMALL, "--epochs", "1"))
        assert {path.name for path in output.iterdir()} == {".lock", ".lock-holder"}
    assert ended.returncode != 0
    said = f"Another process writes {output}: another training of process {os.getpid()}"
    assert said in ended.stderr
