import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.cli import main
from classifier.modelfile import load_model
from classifier.training.run import run_training
from classifier.training.rundirectory import RunDirectory
from classifier.training.session import Voice
from faceswap.core.checkpoint import Checkpoint, load_checkpoint
from faceswap.core.console import note, progress_bar
from faceswap.core.errors import TrainingError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")
STEPS = 8  # 64 images to train on, 8 a step
CONSTANT = ("--set", "optimizer.schedule=constant")  # a schedule's fall depends on the epochs


@pytest.fixture
def halves(tmp_path: Path) -> Path:
    """Two classes: the upper half is lighter, or the left one, under much noise."""
    root = tmp_path / "halves"
    random = np.random.default_rng(0)
    for name in ("above", "beside"):
        (root / name).mkdir(parents=True)
        for number in range(40):
            image = np.full((32, 32), 100.0)
            image[:16] += 40
            image = (image if name == "above" else image.T) + random.normal(0, 50, (32, 32))
            grey = Image.fromarray(image.clip(0, 255).astype(np.uint8))
            grey.convert("RGB").save(root / name / f"{number}.png")
    return root


def run(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["classifier", *map(str, arguments)])
    with pytest.raises(SystemExit) as caught:
        main()
    return caught.value.code


def last(run_directory: Path, which: str = "latest") -> Checkpoint:
    found = load_checkpoint(run_directory / "checkpoints", which)
    assert found is not None
    return found


def require_equal(one: Path, other: Path) -> None:
    first, second = last(one), last(other)
    assert first.step == second.step
    for group, tensors in first.tensors.items():
        for name, value in tensors.items():
            assert torch.equal(value, second.tensors[group][name]), (group, name)


def stop_after(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Sends the signal of Ctrl-C, as a user does, after so many steps of one training."""
    from classifier.training.trainstep import GradientStep

    taken = 0
    original = GradientStep.__call__

    def call(self, *arguments):
        nonlocal taken
        taken += 1
        if taken == step:
            os.kill(os.getpid(), signal.SIGINT)
        return original(self, *arguments)

    monkeypatch.setattr(GradientStep, "__call__", call)


def test_learns_what_it_should(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "run"
    assert run(monkeypatch, "train", halves, "-o", output, "--epochs", 5, *SMALL) == 0
    said = capsys.readouterr().err
    assert "train: 64 images (above 32, beside 32)" in said
    assert "kept aside: 16 images (above 8, beside 8)" in said
    assert said.count(", balanced accuracy") == 5
    found = last(output, "best")
    assert found.state["course"]["history"][-1]["balanced_accuracy"] >= 0.95

    model = load_model(output)
    assert model.classes == ("above", "beside")
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, found.tensors["network"][name])
    assert list((output / "logs").glob("events*"))
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["classes"] == ["above", "beside"]
    assert model.data == manifest["data_sha256"]
    history = json.loads((output / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5]
    assert model.scores["balanced_accuracy"] == max(e["balanced_accuracy"] for e in history)
    assert history[0]["lr"] == pytest.approx(3e-3 * (1 + np.cos(np.pi * 7 / 40)) / 2)
    assert history[0]["images_per_second"] * history[0]["seconds"] == pytest.approx(64)


def test_longer_is_the_same_as_at_once(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = (*SMALL, *CONSTANT, "--set", "augment.flip=true", "--set", "augment.shift=2")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(monkeypatch, "train", halves, "-o", whole, "--epochs", 3, *settings) == 0
    assert run(monkeypatch, "train", halves, "-o", parts, "--epochs", 1, *settings) == 0
    capsys.readouterr()
    assert run(monkeypatch, "train", halves, "-o", parts, "--epochs", 3) == 0
    assert "Resuming after epoch 1." in capsys.readouterr().err
    require_equal(whole, parts)


def test_stopped_within_an_epoch_it_goes_on_as_if_never_stopped(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = (*SMALL, "--epochs", 2, "--model", "resnet20", "--set", "augment.colour=0.3")
    settings += ("--set", "optimizer.ema=0.9", "--set", "augment.cutmix=1", "--set")
    settings += ("augment.mixup=0.2", "--set", "optimizer.warmup=0.5", "--set", "augment.flip=true")
    whole = tmp_path / "whole"
    assert run(monkeypatch, "train", halves, "-o", whole, *settings) == 0
    parts = tmp_path / "parts"
    # In the middle of an epoch, in its last step, and again in the next.
    for moment, steps in ((3, 3), (STEPS, STEPS - 3), (STEPS + 5, 5)):
        with monkeypatch.context() as patch:
            stop_after(patch, steps)
            assert run(monkeypatch, "train", halves, "-o", parts, *settings) == 130
        assert "Stopped and saved" in capsys.readouterr().err
        assert last(parts).step == moment
    assert run(monkeypatch, "train", halves, "-o", parts) == 0
    assert "Resuming in epoch 2, after step 5 of 8" in capsys.readouterr().err
    require_equal(whole, parts)
    one, two = (json.loads((path / "history.json").read_text()) for path in (whole, parts))
    for before, after in zip(one, two, strict=True):
        assert before["train_loss"] == pytest.approx(after["train_loss"], abs=1e-12)
        assert before["loss"] == after["loss"]


def test_a_long_epoch_is_saved_on_the_way(halves: Path, tmp_path: Path, monkeypatch) -> None:
    run_directory = RunDirectory(tmp_path / "run")
    settings = run_directory.settings(None, ["epochs=1", "data.batch_size=8", "keep=20"])
    # As at kill -9 in the last step: what is there then?
    from classifier.training.trainstep import GradientStep

    taken: list[int] = []
    original = GradientStep.__call__

    def call(self, *arguments):
        taken.append(1)
        if len(taken) == STEPS:
            raise RuntimeError("killed")
        return original(self, *arguments)

    monkeypatch.setattr(GradientStep, "__call__", call)
    voice = Voice(note, progress_bar)
    with pytest.raises(RuntimeError, match="killed"):
        run_training(halves, settings, run_directory, voice, save_seconds=0)
    assert last(tmp_path / "run").step == STEPS - 1
    result = run_training(halves, settings, run_directory, voice)
    assert len(result.history) == 1


def test_damaged_checkpoint_is_replaced_by_the_one_before(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "run"
    assert run(monkeypatch, "train", halves, "-o", output, "--epochs", 2, *SMALL) == 0
    before = last(output).tensors["network"]
    file = output / "checkpoints" / "step-00000016" / "network.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert run(monkeypatch, "train", halves, "-o", output, "--epochs", 2) == 0
    said = capsys.readouterr().err
    assert "step-00000016 is damaged" in said
    assert "Resuming after epoch 1." in said
    for name, value in last(output).tensors["network"].items():
        assert torch.equal(value, before[name])


def test_mistakes_give_two_lines_and_code_2(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "run"
    run(monkeypatch, "train", halves, "-o", output, "--epochs", 1, *SMALL)
    (halves / "above" / "extra.png").write_bytes((halves / "above" / "1.png").read_bytes())
    new = (halves, "-o", tmp_path / "a")
    cases = [
        ((halves / "above", "-o", tmp_path / "a"), "Expected"),
        ((tmp_path / "none", "-o", tmp_path / "a"), "no file or folder"),
        ((halves,), "needs a folder for its run"),
        ((*new, "--model", "lenet"), "no network called 'lenet'"),
        ((*new, "--config", "lenet6"), "no recipe called 'lenet6'"),
        ((*new, "--set", "optimiser.lr=1"), "'optimizer'"),
        ((halves, "-o", output, "--set", "optimizer.lr=1"), "optimizer.lr was 0.003, now 1.0"),
        ((halves, "-o", output), "not those that the run"),
        ((*new, "--set", "precision=fp16", *SMALL), "needs a GPU"),
        ((*new, "--transfer", "gradual"), "needs a network that knows something"),
        ((*new, "--transfer", "some"), "transfer.mode"),
        ((*new, "--pretrained", "--weights", "x.pth"), "published weights and with those"),
        ((*new, "--model", "fcdensenet56"), "gives classes to pixels"),
        ((*new, "--model", "perceptron", "--set", "augment.mixup=1"), "no mixed images"),
    ]
    for arguments, words in cases:
        capsys.readouterr()
        assert run(monkeypatch, "train", *arguments) == 2, arguments
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said
    assert not (tmp_path / "a").exists()


def test_corrupt_images_are_skipped_and_counted(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for number in range(7):
        (halves / "above" / f"{number}.png").write_bytes(b"broken")
    assert run(monkeypatch, "train", halves, "-o", tmp_path / "r", "--epochs", 1, *SMALL) == 0
    said = capsys.readouterr().err
    assert said.count("Skipped ") == 5
    assert "7 of 80 images could not be read" in said


def test_what_lies_on_both_sides_is_said_and_kept(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for label in ("above", "beside"):
        for part, numbers in (("train", range(20)), ("val", range(18, 30))):
            folder = tmp_path / "parted" / part / label
            folder.mkdir(parents=True)
            for number in numbers:
                source = halves / label / f"{number}.png"
                (folder / source.name).write_bytes(source.read_bytes())
    twin = (tmp_path / "parted" / "train" / "above" / "3.png").read_bytes()
    (tmp_path / "parted" / "train" / "beside" / "twin.png").write_bytes(twin)
    output = tmp_path / "run"
    data = tmp_path / "parted"
    assert run(monkeypatch, "train", data, "-o", output, "--epochs", 1, *SMALL) == 0
    said = capsys.readouterr().err
    assert "4 images look the same as one in another part" in said
    assert "1 images are equal to one of another class" in said
    assert "twin.png" in said
    assert "train: 41 images" in said


def test_numbers_that_break_end_it_and_leave_the_last_epoch(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from classifier.training.trainstep import GradientStep

    taken: list[int] = []
    original = GradientStep.__call__

    def call(self, inputs, labels, *arguments):
        taken.append(1)
        loss = original(self, inputs, labels, *arguments)
        return loss * float("nan") if len(taken) == STEPS + 2 else loss

    monkeypatch.setattr(GradientStep, "__call__", call)
    run_directory = RunDirectory(tmp_path / "run")
    settings = run_directory.settings(None, ["epochs=3", "data.batch_size=8"])
    with pytest.raises(TrainingError, match="no longer a number in epoch 2"):
        run_training(halves, settings, run_directory, Voice(note, progress_bar))
    found = last(tmp_path / "run")
    assert found.step == STEPS
    assert all(bool(value.isfinite().all()) for value in found.tensors["network"].values())


def test_without_progress_it_stops_early(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = (*SMALL, "--set", "patience=2", "--set", "optimizer.lr=1e-12", "--epochs", 20)
    assert run(monkeypatch, "train", halves, "-o", tmp_path / "run", *settings) == 0
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    best = max(history, key=lambda entry: (entry["balanced_accuracy"], -entry["loss"]))
    assert len(history) == best["epoch"] + 2
    assert "Nothing got better" in capsys.readouterr().err


def test_the_perceptron_learns_by_its_own_rule(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = (*SMALL, "--model", "perceptron", "--epochs", 2)
    assert run(monkeypatch, "train", halves, "-o", tmp_path / "run", *settings) == 0
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history[0]["train_loss"] == 2 / 64  # two mistakes on the way, one for each class
    assert history[1]["train_loss"] == 0
    assert history[0]["balanced_accuracy"] == 1
    assert load_model(tmp_path / "run").built.rule == "perceptron"


def test_fit_and_lr_find_leave_nothing_but_what_they_say(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert run(monkeypatch, "train", halves, "-o", tmp_path / "run", "--fit", *SMALL) == 0
    said = capsys.readouterr().err
    assert "--set data.batch_size=64" in said  # all training images fit
    assert "batches of 8" in said
    assert set(tmp_path.rglob("*")) == before
    options = ("--low", 1e-4, "--steps", 40, *SMALL)
    assert run(monkeypatch, "lr-find", halves, "-o", tmp_path / "p.png", *options) == 0
    said = capsys.readouterr().err
    rate = float(said.split("--set optimizer.lr=")[1].split()[0])
    assert 1e-4 < rate < 1
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "p.png"}
    assert Image.open(tmp_path / "p.png").size[0] > 500


LAUNCH = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2", "--standalone"]


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
def test_two_processes_learn_the_same_as_one(
    extra: tuple[str, ...], halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    settings = [*SMALL, "--set", "augment.flip=true", "--epochs", "2", "--set", "precision=fp32"]
    settings += ["--set", "augment.mixup=0.2", "--set", "augment.cutmix=1"]
    if extra:
        first = tmp_path / "first"
        assert run(monkeypatch, "train", halves, "-o", first, *SMALL, "--epochs", 1) == 0
        settings += [*extra, "--weights", str(first / "model")]
    assert run(monkeypatch, "train", halves, "-o", alone, *settings) == 0
    process = launched(halves, "-o", shared, *settings)
    said = process.communicate(timeout=120)[1]
    assert process.returncode == 0, said
    assert said.count("epoch 2:") == 1  # only the first process speaks
    histories = [last(path).state["course"]["history"] for path in (alone, shared)]
    for before, after in zip(*histories, strict=True):
        assert before["train_loss"] == pytest.approx(after["train_loss"], abs=1e-5)
        assert before["loss"] == pytest.approx(after["loss"], abs=1e-5)
        assert before["accuracy"] == after["accuracy"]


@pytest.mark.slow
def test_two_processes_stop_together(halves: Path, tmp_path: Path) -> None:
    settings = [*SMALL, "--epochs", "2000"]
    process = launched(halves, "-o", tmp_path / "run", *settings)
    history = tmp_path / "run" / "history.json"
    while not history.is_file() and process.poll() is None:
        time.sleep(0.1)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert "Stopped and saved" in said
    assert last(tmp_path / "run").step > 0
