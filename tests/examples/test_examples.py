"""Every program in ``examples/`` runs on inputs made here."""

import ast
import re
import runpy
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.models import build_network
from classifier.models.model_file import ModelMeta as ClassifierMeta
from classifier.models.model_file import save_model as save_classifier
from faceswap.media.images import read_image, write_image
from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, load_model, save_model
from tests.footage import moving_portrait

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., list[str]]:
    """Run an example with arguments and return the lines that it printed."""

    def call(name: str, *arguments: object) -> list[str]:
        path = str(ROOT / "examples" / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        runpy.run_path(path, run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return call


@pytest.fixture
def classifier_model(tmp_path: Path) -> Path:
    """A classifier with random weights for two classes."""
    torch.manual_seed(0)
    built = build_network("lenet5", 2, {}, None)
    folder = tmp_path / "classifier"
    meta = ClassifierMeta("lenet5", {}, None, ("cat", "dog"))
    save_classifier(folder, built.module.state_dict(), built, meta)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three images of noise around different greys."""
    random = np.random.default_rng(0)
    folder = tmp_path / "photos"
    folder.mkdir()
    for number, grey in enumerate((40, 120, 200)):
        pixels = grey + random.normal(0, 20, (40, 48, 3))
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(folder / f"{number}.png")
    return folder


def test_swap_frames(run: Callable[..., list[str]], tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = build_model("small", ["alice", "bob"])
    save_model(tmp_path / "model", model, ModelMeta("small", {}, ("alice", "bob"), 1.25, 0))
    for index in range(2):
        write_image(tmp_path / "in" / f"{index}.png", moving_portrait(9 * index))
    lines = run("swap_frames", tmp_path / "model", "bob", tmp_path / "in", tmp_path / "out")
    assert len(lines) == 2
    for index in range(2):
        after = read_image(tmp_path / "out" / f"{index}.png")
        changed = (after != moving_portrait(9 * index)).any(-1)
        assert 0.03 < changed.mean() < 0.5
        assert not changed[:20].any()


@pytest.mark.slow
def test_training_loop(
    run: Callable[..., list[str]], make_faceset: Callable[..., Path], tmp_path: Path
) -> None:
    first = make_faceset(tmp_path / "first", 12)
    second = make_faceset(tmp_path / "second", 12, (120, 90, 70))
    options = ("--steps", 30, "--batch", 4)
    lines = run("training_loop", first, second, tmp_path / "run", *options)
    losses = [float(re.split("loss ", line)[1].split()[0]) for line in lines if "loss" in line]
    assert losses[-1] < losses[0] < 1
    loaded = load_model(tmp_path / "run" / "model")
    assert loaded.identities == ("first", "second")
    assert loaded.meta.step == 30


def test_classify_folder(
    run: Callable[..., list[str]], classifier_model: Path, photos: Path
) -> None:
    (photos / "broken.png").write_text("not an image")
    lines = run("classify_folder", classifier_model, photos)
    assert sum(bool(re.search(r"\d\.png: (cat|dog) \(\d+\.\d%\)", line)) for line in lines) == 3
    assert sum("broken.png: not an image" in line for line in lines) == 1
    assert sum(int(line.split(" x ")[0]) for line in lines if " x " in line) == 3


def test_similar_images(
    run: Callable[..., list[str]], classifier_model: Path, photos: Path
) -> None:
    lines = run("similar_images", classifier_model, photos / "1.png", photos)
    assert len(lines) == 3
    assert lines[0].startswith("1.000")
    assert lines[0].endswith("1.png")


def test_read_faceset(
    run: Callable[..., list[str]], make_faceset: Callable[..., Path], tmp_path: Path
) -> None:
    pytest.importorskip("duckdb")
    pytest.importorskip("pandas")
    lines = run("read_faceset", make_faceset(tmp_path / "faces", 12))
    assert lines[0] == "12 faces in 12 frames"
    assert lines[-1].startswith("yaw +0 degrees: 12 faces, sharpest images/")


def test_every_example_has_a_test_and_is_documented() -> None:
    tests = Path(__file__).read_text(encoding="utf-8")
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    assert 4 <= len(EXAMPLES) <= 6
    for path in EXAMPLES:
        assert f"def test_{path.stem}(" in tests
        assert f"examples/{path.name}" in page
        assert f"python examples/{path.name}" in str(
            ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        )
