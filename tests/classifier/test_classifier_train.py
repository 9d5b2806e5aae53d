import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.models.model_file import load_model
from faceswap.core.checkpoint import load_checkpoint

Classifier = Callable[..., int | str | None]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")


def test_train_reaches_high_accuracy(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    output = tmp_path / "run"
    assert classifier("train", halves, "-o", output, "--epochs", 5, *SMALL) == 0
    printed = capsys.readouterr().err
    assert "train: 64 images (above 32, beside 32)" in printed
    assert "validation: 16 images (above 8, beside 8)" in printed
    assert printed.count(", balanced accuracy") == 5
    found = load_checkpoint(output / "checkpoints", "best")
    assert found is not None
    assert found.state["progress"]["history"][-1]["balanced_accuracy"] >= 0.95

    model = load_model(output)
    assert model.classes == ("above", "beside")
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, found.tensors["model"][name])
    assert list((output / "logs").glob("events*"))
    manifest = json.loads((output / "manifest.json").read_text())
    (source,) = manifest["data"]["images"]
    assert source["classes"] == ["above", "beside"]
    assert model.data == source["sha256"]
    history = json.loads((output / "history.json").read_text())
    assert [entry["epoch"] for entry in history] == [1, 2, 3, 4, 5]
    assert model.scores["balanced_accuracy"] == max(e["balanced_accuracy"] for e in history)
    assert history[0]["lr"] == pytest.approx(3e-3 * (1 + np.cos(np.pi * 7 / 40)) / 2)
    assert history[0]["images_per_second"] * history[0]["seconds"] == pytest.approx(64)


def test_errors_are_two_lines_and_exit_code_2(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    output = tmp_path / "run"
    classifier("train", halves, "-o", output, "--epochs", 1, *SMALL)
    (halves / "above" / "extra.png").write_bytes((halves / "above" / "1.png").read_bytes())
    new = (halves, "-o", tmp_path / "a")
    cases = [
        ((halves / "above", "-o", tmp_path / "a"), "Expected"),
        ((tmp_path / "none", "-o", tmp_path / "a"), "No such file or directory"),
        ((halves,), "Expected a folder for the run"),
        ((*new, "--model", "lenet"), "Unknown network 'lenet'"),
        ((*new, "--config", "lenet6"), "Unknown recipe 'lenet6'"),
        ((*new, "--set", "optimiser.lr=1"), "'optimizer'"),
        ((halves, "-o", output, "--set", "optimizer.name=sgd"), "optimizer.name: 'adamw' -> 'sgd'"),
        ((halves, "-o", output), "images has other content"),
        ((*new, "--set", "precision=fp16", *SMALL), "needs a GPU"),
        ((*new, "--transfer", "gradual"), "needs pretrained weights"),
        ((*new, "--transfer", "some"), "transfer.mode"),
        ((*new, "--pretrained", "--weights", "x.pth"), "found --pretrained and --weights"),
        ((*new, "--model", "fcdensenet56"), "classifies pixels"),
        (
            (*new, "--model", "perceptron", "--set", "augment.mixup=1"),
            "cannot learn from mixed images",
        ),
    ]
    for arguments, words in cases:
        capsys.readouterr()
        assert classifier("train", *arguments) == 2, arguments
        printed = capsys.readouterr().err
        assert words in printed
        assert "Traceback" not in printed
    assert not (tmp_path / "a").exists()


def test_corrupt_images_are_skipped_and_counted(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    for number in range(7):
        (halves / "above" / f"{number}.png").write_bytes(b"broken")
    assert classifier("train", halves, "-o", tmp_path / "r", "--epochs", 1, *SMALL) == 0
    printed = capsys.readouterr().err
    assert printed.count("Skipped ") == 6
    assert "Skipped 7 of 80 images that could not be read" in printed


def test_duplicates_across_splits_are_reported_and_kept(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
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
    assert classifier("train", data, "-o", output, "--epochs", 1, *SMALL) == 0
    printed = capsys.readouterr().err
    assert "4 near-duplicate images appear in more than one split" in printed
    assert "1 images are identical to one of another class" in printed
    assert "twin.png" in printed
    assert "train: 41 images" in printed


def test_early_stopping(
    halves: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], classifier: Classifier
) -> None:
    settings = (*SMALL, "--set", "patience=2", "--set", "optimizer.lr=1e-12", "--epochs", 20)
    assert classifier("train", halves, "-o", tmp_path / "run", *settings) == 0
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    best = max(history, key=lambda entry: (entry["balanced_accuracy"], -entry["loss"]))
    assert len(history) == best["epoch"] + 2
    assert "Stopped early" in capsys.readouterr().err


def test_perceptron_trains_with_its_own_rule(
    halves: Path, tmp_path: Path, classifier: Classifier
) -> None:
    settings = (*SMALL, "--model", "perceptron", "--epochs", 2)
    assert classifier("train", halves, "-o", tmp_path / "run", *settings) == 0
    history = json.loads((tmp_path / "run" / "history.json").read_text())
    assert history[0]["train_loss"] == 2 / 64  # two mistakes, one per class
    assert history[1]["train_loss"] == 0
    assert history[0]["balanced_accuracy"] == 1
    assert load_model(tmp_path / "run").built.rule == "perceptron"


def test_find_batch_size_and_lr_find_write_no_run(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    classifier: Classifier,
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.rglob("*"))
    assert classifier("train", halves, "-o", tmp_path / "run", "--find-batch-size", *SMALL) == 0
    printed = capsys.readouterr().err
    assert "--set data.batch_size=64" in printed  # all training images fit
    assert "batch size 8" in printed
    assert set(tmp_path.rglob("*")) == before
    options = ("--low", 1e-4, "--steps", 40, *SMALL)
    assert classifier("lr-find", halves, "-o", tmp_path / "p.png", *options) == 0
    printed = capsys.readouterr().err
    rate = float(printed.split("--set optimizer.lr=")[1].split()[0])
    assert 1e-4 < rate < 1
    assert set(tmp_path.rglob("*")) - before == {tmp_path / "p.png"}
    assert Image.open(tmp_path / "p.png").size[0] > 500
