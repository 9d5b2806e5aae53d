"""Trainings of several processes that a launcher started."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from faceswap.core.checkpoint import Checkpoint, load_checkpoint
from faceswap.core.locks import hold_folder

ROOT = Path(__file__).resolve().parents[2]
Classifier = Callable[..., int | str | None]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")
LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]


def last(run_directory: Path) -> Checkpoint:
    found = load_checkpoint(run_directory / "checkpoints")
    assert found is not None
    return found


def launched(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*LAUNCH, str(ROOT / "classifier" / "train.py"), *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


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
    process = launched(halves, "-o", shared, *settings)
    printed = process.communicate(timeout=120)[1]
    assert process.returncode == 0, printed
    assert printed.count("epoch 2:") == 1  # only the first process reports
    histories = [last(path).state["progress"]["history"] for path in (alone, shared)]
    for before, after in zip(*histories, strict=True):
        assert before["train_loss"] == pytest.approx(after["train_loss"], abs=1e-5)
        assert before["loss"] == pytest.approx(after["loss"], abs=1e-5)
        assert before["accuracy"] == after["accuracy"]


def await_epoch(process: subprocess.Popen[str], run: Path) -> None:
    while not (run / "history.json").is_file() and process.poll() is None:
        time.sleep(0.1)


@pytest.mark.slow
def test_two_processes_stop_together(halves: Path, tmp_path: Path) -> None:
    process = launched(halves, "-o", tmp_path / "run", *SMALL, "--epochs", "2000")
    await_epoch(process, tmp_path / "run")
    process.send_signal(signal.SIGTERM)
    printed = process.communicate(timeout=60)[1]
    assert "Stopped and saved" in printed
    assert last(tmp_path / "run").step > 0


@pytest.mark.slow
def test_processes_that_lose_their_launcher_save_and_end(
    halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    output = tmp_path / "run"
    process = launched(halves, "-o", output, *SMALL, "--epochs", "2000")
    await_epoch(process, output)
    ranks = psutil.Process(process.pid).children(recursive=True)
    process.kill()
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
        process = launched(halves, "-o", output, *SMALL, "--epochs", "1")
        printed = process.communicate(timeout=120)[1]
        assert {path.name for path in output.iterdir()} == {".lock", ".lock-holder"}
    assert process.returncode != 0
    assert f"Another process writes {output}: another training of process {os.getpid()}" in printed
