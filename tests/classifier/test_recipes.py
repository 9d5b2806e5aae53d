"""Every recipe builds its network, reads its data and trains for a few steps."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from classifier.lessons.material.photos import photo_windows
from classifier.models import known_networks
from classifier.training.build import open_data
from classifier.training.run import run_training
from classifier.training.run_directory import RunDirectory
from classifier.training.settings import Settings
from faceswap.core.config import load_config, recipe_names

RECIPES = recipe_names("classifier")
MASKED = {"tiramisu": 11, "face_masks": 6}  # classes
SMALLEST = {"fcdensenet56": 32, "resnet18": 32, "resnet20": 32}


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    random = np.random.default_rng(0)
    for name in ("one", "two"):
        (root / name).mkdir(parents=True)
        for number in range(6):
            pixels = random.integers(0, 256, (40, 40, 3), np.uint8)
            Image.fromarray(pixels).save(root / name / f"{number}.png")
    return root


@pytest.fixture
def portraits(tmp_path: Path) -> Path:
    """Images with masks; two of each person."""
    random = np.random.default_rng(0)
    root = tmp_path / "portraits"
    for folder in ("images", "masks"):
        (root / folder).mkdir(parents=True)
    for number in range(6):
        name = f"personne{number // 2:02d}14{number}+0-90"
        pixels = random.integers(0, 256, (64, 48, 3), np.uint8)
        Image.fromarray(pixels).save(root / "images" / f"{name}.jpg")
        mask = random.integers(0, 6, (64, 48), np.uint8)
        Image.fromarray(mask).save(root / "masks" / f"{name}.png")
    return root


@pytest.mark.parametrize("recipe", RECIPES)
def test_every_recipe_trains(
    recipe: str, photos: Path, portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = load_config(Settings, RunDirectory.section, recipe)
    network = settings.network
    assert network.name in known_networks()
    changes = ["epochs=1", "device=cpu", "data.batch_size=4"]
    if network.name in SMALLEST:  # the networks themselves are tested elsewhere
        changes.append(f"network.size={SMALLEST[network.name]}")
    if recipe in MASKED:
        changes += ["data.height=40", "data.width=32"]
    if network.pretrained:  # published weights are tested elsewhere; nothing is downloaded here
        weights = _weights_of(network.name, tmp_path)
        changes += ["network.pretrained=false", f"network.weights={weights}"]
    run = RunDirectory(tmp_path / "run")
    data = portraits if recipe in MASKED else photos
    resolved = run.resolve_config(recipe, changes)
    result = run_training(data, resolved, run)
    assert len(result.history) == 1
    assert np.isfinite(result.history[0].loss)


def _weights_of(name: str, tmp_path: Path) -> Path:
    from classifier.models import build_network
    from faceswap.core.tensor_files import save_tensors

    path = tmp_path / "weights.safetensors"
    save_tensors(path, build_network(name, 10, {}).module.state_dict())
    return path


@pytest.mark.usefixtures("shared_weights")
def test_chihuahua_learns_two_photos_apart(tmp_path: Path) -> None:
    windows = photo_windows(("cat", "coffee"), 40, 48, seed=0)
    root = tmp_path / "two"
    for number, (image, label) in enumerate(zip(windows.images, windows.labels, strict=True)):
        folder = root / windows.names[label]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / f"{number}.png")
    run = RunDirectory(tmp_path / "run")
    changes = ["epochs=3", "device=cpu", "data.batch_size=8", "network.size=32"]
    result = run_training(root, run.resolve_config("chihuahua", changes), run)
    assert max(epoch.balanced_accuracy for epoch in result.history) > 0.8


@pytest.mark.parametrize("recipe", MASKED)
def test_recipes_for_masks_find_their_classes_from_anywhere(
    recipe: str, portraits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    dataset = open_data(portraits, load_config(Settings, RunDirectory.section, recipe))
    assert len(dataset.classes) == MASKED[recipe]
    assert "void" not in dataset.classes
    if recipe == "face_masks":
        assert dataset.classes[1] == "skin"
        groups = [{sample.group for sample in split} for split in dataset.splits.values()]
        assert all(groups)
        assert not groups[0] & groups[1]  # persons stay in one split
        assert {"personne00", "personne01", "personne02"} == groups[0] | groups[1]


def test_persons_stay_in_one_split(shared_data: Path) -> None:
    dataset = open_data(
        shared_data / "face_masks", load_config(Settings, RunDirectory.section, "face_masks")
    )
    train, kept = (
        {sample.group for sample in dataset.splits[split]} for split in ("train", "validation")
    )
    assert not train & kept
    assert len(train | kept) == 27  # 7 persons in several poses, 20 in one


def test_camvid_has_eleven_classes(shared_data: Path) -> None:
    dataset = open_data(
        shared_data / "camvid", load_config(Settings, RunDirectory.section, "tiramisu")
    )
    assert {split: len(samples) for split, samples in dataset.splits.items()} == {
        "train": 367,
        "validation": 101,
    }
    assert dataset.classes[0] == "Sky"
    assert dataset.classes[-1] == "Bicyclist"
