import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.cli import main
from classifier.modelfile import load_model
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.config import recipe_names
from faceswap.core.errors import ModelFileError

ROOT = Path(__file__).resolve().parents[2]
SMALL = ("--set", "data.batch_size=8", "--set", "optimizer.lr=3e-3", "--set", "device=cpu")


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


def weights(run_directory: Path) -> dict[str, torch.Tensor]:
    found = load_checkpoint(run_directory / "checkpoints")
    assert found is not None
    return found.tensors["network"]


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
    assert said.count("accuracy") == 5
    found = load_checkpoint(output / "checkpoints", "best")
    assert found is not None
    assert found.state["history"][-1]["accuracy"] >= 0.95

    model = load_model(output)
    assert model.classes == ("above", "beside")
    for name, value in model.module.state_dict().items():
        assert torch.equal(value, found.tensors["network"][name])
    assert list((output / "logs").glob("events*"))
    manifest = json.loads((output / "manifest.json").read_text())
    assert manifest["classes"] == ["above", "beside"]


def test_resumed_is_uninterrupted(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = (*SMALL, "--set", "augment.flip=true", "--set", "augment.shift=2")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert run(monkeypatch, "train", halves, "-o", whole, "--epochs", 3, *settings) == 0
    assert run(monkeypatch, "train", halves, "-o", parts, "--epochs", 1, *settings) == 0
    capsys.readouterr()
    assert run(monkeypatch, "train", halves, "-o", parts, "--epochs", 3) == 0
    assert "Resuming after epoch 1." in capsys.readouterr().err
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(parts)[name]), name


def test_damaged_checkpoint_is_replaced_by_the_one_before(
    halves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "run"
    assert run(monkeypatch, "train", halves, "-o", output, "--epochs", 2, *SMALL) == 0
    before = weights(output)
    file = output / "checkpoints" / "step-00000002" / "network.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    assert run(monkeypatch, "train", halves, "-o", output, "--epochs", 2) == 0
    said = capsys.readouterr().err
    assert "step-00000002 is damaged" in said
    assert "Resuming after epoch 1." in said
    for name, value in weights(output).items():
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
    cases = [
        ((halves / "above", "-o", tmp_path / "a"), "outside any class folder"),
        ((tmp_path / "none", "-o", tmp_path / "a"), "no folder"),
        ((halves, "-o", tmp_path / "a", "--model", "lenet"), "no network called 'lenet'"),
        ((halves, "-o", tmp_path / "a", "--config", "lenet6"), "no recipe called 'lenet6'"),
        ((halves, "-o", tmp_path / "a", "--set", "optimiser.lr=1"), "'optimizer'"),
        ((halves, "-o", output, "--set", "optimizer.lr=1"), "optimizer.lr was 0.003, now 1.0"),
        ((halves, "-o", output), "not those that the run"),
        ((halves, "-o", tmp_path / "a", "--set", "precision=fp16", *SMALL), "needs a GPU"),
    ]
    for arguments, words in cases:
        capsys.readouterr()
        assert run(monkeypatch, "train", *arguments) == 2, arguments
        said = capsys.readouterr().err
        assert words in said
        assert "Traceback" not in said


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
    assert "kept aside: 15 images (above 7, beside 8)" in said


def test_model_file_that_is_not_ours(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError):
        load_model(tmp_path)
    (tmp_path / "model.json").write_text('{"format": "other"}')
    with pytest.raises(ModelFileError, match="not a classifier's model"):
        load_model(tmp_path)


@pytest.mark.parametrize("recipe", recipe_names("classifier"))
def test_every_recipe_trains(
    recipe: str, halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = ("--config", recipe, "--epochs", 1, "--set", "device=cpu")
    assert run(monkeypatch, "train", halves, "-o", tmp_path / "run", *arguments) == 0


@pytest.mark.slow
def test_two_processes_learn_the_same_as_one(
    halves: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, shared = tmp_path / "alone", tmp_path / "shared"
    settings = [*SMALL, "--set", "augment.flip=true", "--epochs", "2"]
    assert run(monkeypatch, "train", halves, "-o", alone, *settings) == 0
    launch = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    launch += ["--standalone", str(ROOT / "classifier" / "train.py")]
    result = subprocess.run(
        [*launch, str(halves), "-o", str(shared), *settings],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("epoch 2:") == 1  # only the first process speaks
    one, two = (load_checkpoint(path / "checkpoints") for path in (alone, shared))
    assert one is not None
    assert two is not None
    for before, after in zip(one.state["history"], two.state["history"], strict=True):
        assert before["train_loss"] == pytest.approx(after["train_loss"], abs=1e-5)
        assert before["accuracy"] == after["accuracy"]
