"""Small data sets and trained runs, shared by the tests of all verbs."""

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.cli import main
from classifier.models import build_network
from classifier.models.model_file import ModelMeta, save_model

COLOURS = {"red": (200, 40, 40), "crème brûlée": (210, 180, 90), "blue": (40, 60, 200)}
WRONG = "wrong.png"  # a blue image in the folder red


def call(*arguments: object) -> int | str | None:
    """Runs ``classifier`` with these arguments and returns its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["classifier", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
    return caught.value.code


@pytest.fixture
def classifier() -> Callable[..., int | str | None]:
    """Runs the command line: ``classifier("evaluate", run, data) -> exit code``."""
    return call


@pytest.fixture
def make_halves(tmp_path: Path) -> Callable[..., Path]:
    """Generates two classes: the upper or the left half is lighter.

    ``make_halves(count=40, second="beside", noise=50) -> folder``; images are ``above/0.png`` ...
    """

    def make(count: int = 40, second: str = "beside", noise: float = 50.0) -> Path:
        root = tmp_path / "halves"
        random = np.random.default_rng(0)
        for name in ("above", second):
            (root / name).mkdir(parents=True)
            for number in range(count):
                image = np.full((32, 32), 100.0)
                image[:16] += 40
                image = image if name == "above" else image.T
                image = image + random.normal(0, noise, image.shape)
                grey = Image.fromarray(image.clip(0, 255).astype(np.uint8))
                grey.convert("RGB").save(root / name / f"{number}.png")
        return root

    return make


@pytest.fixture
def halves(make_halves: Callable[..., Path]) -> Path:
    """Forty images of each half, with strong noise."""
    return make_halves()


@pytest.fixture(scope="session")
def colours(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of noisy colours, 15 images each of many sizes; one is in a wrong folder."""
    root = tmp_path_factory.mktemp("data") / "colours"
    random = np.random.default_rng(0)
    for name, colour in COLOURS.items():
        (root / name).mkdir(parents=True)
        for number in range(15):
            size = (*random.integers(24, 60, 2), 3)
            pixels = np.array(colour) + random.normal(0, 25, size)
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(root / name / f"{number:02d}.png")
    (root / "blue" / "14.png").rename(root / "red" / WRONG)
    return root


@pytest.fixture(scope="session")
def colour_run(colours: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """LeNet-5 trained on ``colours``; correct on all images but the misplaced one."""
    run = tmp_path_factory.mktemp("runs") / "lenet"
    settings = ("data.batch_size=8", "optimizer.lr=3e-3", "device=cpu", "precision=fp32")
    changes = [word for setting in settings for word in ("--set", setting)]
    assert call("train", colours, "-o", run, "--model", "lenet5", "--epochs", 8, *changes) == 0
    return run


@pytest.fixture(scope="session")
def squares(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Dark noise with a light square, and masks; four images for each of four persons."""
    root = tmp_path_factory.mktemp("data") / "squares"
    (root / "images").mkdir(parents=True)
    (root / "masks").mkdir()
    random = np.random.default_rng(0)
    for number in range(16):
        mask = np.zeros((40, 48), np.uint8)
        top, left = random.integers(2, 16, 2)
        mask[top : top + 20, left : left + 20] = 1
        pixels = 60 + 130 * mask[..., None] + random.normal(0, 15, (40, 48, 3))
        name = f"{'abcd'[number % 4]}_{number:02d}.png"
        image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
        image.save(root / "images" / name)
        Image.fromarray(mask).save(root / "masks" / name)
    (root / "classes.txt").write_text("ground\nsquare\n", encoding="utf-8")
    return root


@pytest.fixture(scope="session")
def square_run(squares: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small FC-DenseNet trained on ``squares``."""
    run = tmp_path_factory.mktemp("runs") / "tiramisu"
    settings = (
        "network.size=32",
        "network.options={growth: 2, dropout: 0.0}",
        "data.batch_size=4",
        "data.validation=0.25",
        "data.group='^([a-z])_'",
        "optimizer.lr=1e-2",
        "device=cpu",
        "precision=fp32",
    )
    changes = [word for setting in settings for word in ("--set", setting)]
    arguments = ("train", squares, "-o", run, "--model", "fcdensenet56", "--epochs", 3, *changes)
    assert call(*arguments) == 0
    return run


@pytest.fixture(scope="session")
def perceptron_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Model folder of a perceptron with random weights, without a run."""
    torch.manual_seed(0)
    built = build_network("perceptron", 3, {}, 16)
    weight = built.module.get_parameter("head.weight")
    torch.nn.init.normal_(weight, std=0.05)
    folder = tmp_path_factory.mktemp("models") / "perceptron"
    meta = ModelMeta("perceptron", {}, 16, tuple(sorted(COLOURS)))
    save_model(folder, built.module.state_dict(), built, meta)
    return folder
