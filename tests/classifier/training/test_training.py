"""End-to-end training through the library: segmentation, transfer, exported model."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from classifier.models.model_file import load_model
from classifier.models.pretrained import LoadReport
from classifier.training.reporter import Reporter
from classifier.training.run import TrainingResult, run_training
from classifier.training.run_directory import RunDirectory
from faceswap.core.checkpoint import load_checkpoint
from faceswap.core.errors import ConfigError

FAST = ("device=cpu", "precision=fp32")


@pytest.fixture
def discs(tmp_path: Path) -> Path:
    """Images of a bright disc on noise; masks with 0 ground, 1 disc, 2 void around it."""
    root = tmp_path / "discs"
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:40, :48]
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(16):
        centre = random.uniform(12, 28, 2)
        distance = np.hypot(rows - centre[0], columns - centre[1])
        pixels = random.normal(70, 20, (40, 48, 3)) + 110 * (distance < 9)[..., None]
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(
            root / "images" / f"{number:02d}.png"
        )
        mask = np.where(distance < 8, 1, np.where(distance < 10, 2, 0)).astype(np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{number:02d}.png")
    (root / "classes.txt").write_text("ground\ndisc\nvoid\n")
    return root


@pytest.fixture
def colours(tmp_path: Path) -> Path:
    root = tmp_path / "colours"
    random = np.random.default_rng(0)
    for name, colour in {"red": (180, 60, 60), "green": (60, 180, 60)}.items():
        (root / name).mkdir(parents=True)
        for number in range(24):
            pixels = np.array(colour) + random.normal(0, 40, (32, 32, 3))
            image = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
            image.save(root / name / f"{number}.png")
    return root


class Recorder(Reporter):
    def __init__(self) -> None:
        self.loaded: list[str] = []
        self.ignored: list[str] = []

    def on_weights(self, report: LoadReport) -> None:
        self.loaded.append(report.describe())

    def on_ignored_settings(self, names: Sequence[str]) -> None:
        self.ignored += names


def trained(
    data: Path, output: Path, settings: Sequence[str], reporter: Reporter | None = None
) -> TrainingResult:
    run = RunDirectory(output)
    return run_training(data, run.resolve_config(None, [*FAST, *settings]), run, reporter)


def test_segmentation_is_learnt(discs: Path, tmp_path: Path) -> None:
    settings = ["network.name=fcdensenet56", "network.size=32", "network.options={growth: 4}"]
    settings += ["data.batch_size=4", "epochs=5", "optimizer.lr=1e-2", "augment.flip=true"]
    result = trained(discs, tmp_path / "run", settings)
    assert result.best is not None
    assert result.best.mean_iou > 0.8
    assert result.best.mean_iou == max(entry.mean_iou for entry in result.history)
    model = load_model(tmp_path / "run")
    assert model.classes == ("ground", "disc")
    assert model.side == (40, 48)
    assert model.scores["mean_iou"] == result.best.mean_iou


@pytest.mark.parametrize("name", ["augment.background", "augment.occlude"])
def test_scenery_needs_a_background_class(
    name: str, discs: Path, colours: Path, tmp_path: Path
) -> None:
    settings = ["network.name=fcdensenet56", "network.size=32", f"{name}=0.5"]
    with pytest.raises(ConfigError, match="found the first class 'ground'"):
        trained(discs, tmp_path / "run", settings)
    with pytest.raises(ConfigError, match="found one class per image"):
        trained(colours, tmp_path / "run", [f"{name}=0.5"])


def test_cached_features_are_reused_on_resume(
    colours: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ["network.name=resnet20", "epochs=1", "data.batch_size=8"]
    trained(colours, tmp_path / "first", first)
    settings = [*first[:1], "data.batch_size=8", "optimizer.schedule=constant"]
    settings += ["transfer.mode=features", f"network.weights={tmp_path / 'first' / 'model'}"]
    settings += ["augment.flip=true", "augment.shift=2"]
    recorder = Recorder()
    whole = trained(colours, tmp_path / "whole", [*settings, "epochs=4"], recorder)
    assert "Loaded" in recorder.loaded[0]
    assert recorder.ignored == ["augment.shift"]
    trained(colours, tmp_path / "resumed", [*settings, "epochs=2"])
    with monkeypatch.context() as patch:
        patch.setattr("classifier.training.head_features.HeadInput", lambda _: pytest.fail("again"))
        resumed = trained(colours, tmp_path / "resumed", [*settings, "epochs=4"])
    assert [e.loss for e in whole.history] == [e.loss for e in resumed.history]
    before = load_model(tmp_path / "first").module.state_dict()
    after = load_model(tmp_path / "whole").module.state_dict()
    changed = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert changed == {"linear.weight", "linear.bias"}


def test_gradual_training_unfreezes_one_group_per_epoch(colours: Path, tmp_path: Path) -> None:
    first = ["network.name=resnet20", "epochs=1", "data.batch_size=8"]
    trained(colours, tmp_path / "first", first)
    settings = ["network.name=resnet20", "data.batch_size=8", "keep=9", "epochs=3"]
    settings += ["transfer.mode=gradual", f"network.weights={tmp_path / 'first' / 'model'}"]
    trained(colours, tmp_path / "run", settings)
    states = [load_model(tmp_path / "first").module.state_dict()]
    checkpoints = tmp_path / "run" / "checkpoints"
    for path in sorted(checkpoints.glob("step-*"))[1:]:  # the first one precedes training
        found = load_checkpoint(checkpoints, path.name)
        assert found is not None
        states.append(found.tensors["model"])
    changed = [
        {n.split(".")[0] for n, value in after.items() if not torch.equal(value, before[n])}
        for before, after in pairwise(states)
    ]
    assert changed[0] == {"linear"}
    assert changed[0] < changed[1] < changed[2]
    assert "conv1" not in changed[2]


def test_the_moving_average_is_validated_and_exported(colours: Path, tmp_path: Path) -> None:
    settings = ["network.name=resnet20", "epochs=2", "data.batch_size=8", "optimizer.ema=0.9"]
    result = trained(colours, tmp_path / "run", settings)
    found = load_checkpoint(tmp_path / "run" / "checkpoints", "best")
    assert found is not None
    model = load_model(tmp_path / "run").module.state_dict()
    differs = False
    for name, value in model.items():
        assert torch.equal(value, found.tensors["ema"][name]), name
        differs |= not torch.equal(value, found.tensors["model"][name])
    assert differs
    assert result.best is not None


def test_balanced_sampling_and_other_optimizers_train(colours: Path, tmp_path: Path) -> None:
    for number, name in enumerate(("sgd", "rmsprop")):
        settings = ["epochs=3", "data.batch_size=8", f"optimizer.name={name}", "optimizer.lr=3e-3"]
        settings += ["optimizer.clip=1.0", "data.balance=sampling", "optimizer.momentum=0.5"]
        result = trained(colours, tmp_path / str(number), settings)
        assert result.best is not None
        assert result.best.balanced_accuracy >= 0.9, name
