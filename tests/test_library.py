"""What ``import faceswap`` and ``import classifier`` offer."""

import ast
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from PIL import Image

import classifier
import faceswap
from classifier.models import build_network
from classifier.models.model_file import ModelMeta as ClassifierMeta
from classifier.models.model_file import save_model as save_classifier
from faceswap.conversion.build import build_swapper
from faceswap.conversion.settings import ConvertConfig
from faceswap.core.errors import IdentityError, MediaError
from faceswap.models import build_model
from faceswap.models.model_file import LoadedModel, ModelMeta, save_model
from tests.footage import moving_portrait, plain_picture, write_clip

ROOT = Path(__file__).resolve().parents[1]
PACKAGES: list[ModuleType] = [faceswap, classifier]
HEAVY = ("torch", "cv2", "numpy", "av", "pyarrow", "pydantic", "rich", "typer", "albumentations")


@pytest.mark.parametrize("package", ["faceswap", "classifier"])
def test_nothing_heavy_is_imported_before_it_is_used(package: str) -> None:
    code = f"import {package}, sys; print(*sys.modules)"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert not set(HEAVY) & set(result.stdout.split())


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_name_resolves_and_is_listed(package: ModuleType) -> None:
    names = package.__all__
    assert sorted(names) == names
    assert set(names) <= set(dir(package))
    for name in names:
        assert getattr(package, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        package.nonsense  # noqa: B018


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_type_checkers_see_the_same_names(package: ModuleType) -> None:
    path = ROOT / package.__name__ / "__init__.py"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    (guard,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    names = package.__all__
    assert seen == set(names) - {"__version__"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_every_public_function_is_documented(package: ModuleType) -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    names = package.__all__
    for name in names:
        if name.islower() and name != "__version__":
            assert f"| `{name}(" in page, name


@pytest.fixture
def model(tmp_path: Path) -> LoadedModel:
    """A model with random weights."""
    torch.manual_seed(0)
    made = build_model("small", ["alice", "bob"])
    save_model(tmp_path / "model", made, ModelMeta("small", {}, ("alice", "bob"), 1.25, 0))
    return faceswap.load_model(tmp_path / "model", device="cpu")


def test_frames_are_swapped_in_order_and_inputs_kept(model: LoadedModel) -> None:
    frames = [plain_picture(0), *[moving_portrait(index) for index in range(10)]]
    kept = [frame.copy() for frame in frames]
    swapped = list(faceswap.Swapper(model).swap(iter(frames), "bob"))
    assert len(swapped) == len(frames)
    np.testing.assert_array_equal(frames, kept)
    np.testing.assert_array_equal(swapped[0], frames[0])
    for before, after in zip(frames[1:], swapped[1:], strict=True):
        changed = (before != after).any(-1)
        assert 0.03 < changed.mean() < 0.5
        assert not changed[:20].any()


def test_the_example_of_the_manual_swaps_a_clip(model, tmp_path, monkeypatch, capsys) -> None:
    page = (ROOT / "docs" / "library.md").read_text(encoding="utf-8")
    (example,) = [
        block for block in re.findall(r"```python\n(.*?)```", page, re.S) if "av" in block
    ]
    write_clip(tmp_path / "clip.mp4", 3)
    (tmp_path / "runs").mkdir()
    (tmp_path / "model").rename(tmp_path / "runs" / "ab")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "library.md", "exec"), {})
    shapes = [line.rpartition(" ")[0] for line in capsys.readouterr().out.splitlines()]
    assert shapes == [str(moving_portrait(0).shape)] * 3


def test_the_default_parts_are_those_of_the_verb(model) -> None:
    parts = faceswap.Swapper(model).parts
    built = build_swapper(model, ConvertConfig()).parts
    assert parts.detail.settings == built.detail.settings
    names = ("blend", "placement", "clean", "smooth")
    assert [getattr(parts, name) for name in names] == [getattr(built, name) for name in names]
    face, target = torch.rand(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(1, 1, 64, 64)
    measured = [each.colour.measure(face, target, mask, mask, 1.25) for each in (parts, built)]
    assert measured[0].equal(measured[1])
    assert [*map(type, parts.occluders)] == [*map(type, built.occluders)]


def test_swapping_is_lazy(model: LoadedModel) -> None:
    read = []

    def frames():
        for index in range(100):
            read.append(index)
            yield plain_picture(index)

    next(faceswap.Swapper(model).swap(frames(), "bob", video=False))
    assert len(read) < 30


def test_an_unknown_identity_is_an_error_at_once(model: LoadedModel) -> None:
    with pytest.raises(IdentityError, match="carol"):
        faceswap.Swapper(model).swap([], "carol")


def test_extraction_opens_its_faceset(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 4)
    faceset = faceswap.extract_faces(clip, tmp_path / "faces", device="cpu")
    assert len(faceset.faces()) == 4
    assert faceswap.open_faceset(str(tmp_path / "faces")).record == faceset.record


def test_extraction_takes_one_source(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.mp4", "b.mp4"):
        (tmp_path / "in" / name).touch()
    with pytest.raises(MediaError, match=r"Expected one source .* found 2"):
        faceswap.extract_faces(tmp_path / "in", tmp_path / "faces")


def test_training_writes_a_model_that_loads(
    make_faceset: Callable[..., Path], tmp_path: Path
) -> None:
    faces = {"a": make_faceset(tmp_path / "a", 12), "b": [str(make_faceset(tmp_path / "b", 12))]}
    settings = ["training.steps=2", "training.batch=2", "data.minimum=4", "training.device=cpu"]
    settings += ["training.minutes=null"]
    result = faceswap.train_model(faces, tmp_path / "run", "classic", settings)
    assert result.step == 2
    assert faceswap.load_model(tmp_path / "run", device="cpu").identities == ("a", "b")


@pytest.fixture
def network(tmp_path: Path) -> classifier.Classifier:
    """A network with random weights for two classes."""
    torch.manual_seed(0)
    built = build_network("lenet5", 2, {}, None)
    meta = ClassifierMeta("lenet5", {}, None, ("cat", "dog"))
    save_classifier(tmp_path / "network", built.module.state_dict(), built, meta)
    return classifier.load_classifier(tmp_path / "network", device="cpu")


@pytest.fixture
def pictures() -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.integers(0, 256, (40 + n, 50, 3), np.uint8) for n in range(5)]


def test_files_and_arrays_give_the_same_probabilities(
    network: classifier.Classifier, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    for number, picture in enumerate(pictures):
        (tmp_path / "images").mkdir(exist_ok=True)
        Image.fromarray(picture).save(tmp_path / "images" / f"{number}.png")
    from_files = list(classifier.predict_files(network, tmp_path / "images"))
    from_arrays = list(classifier.predict_images(network, iter(pictures), batch_size=2))
    assert len(from_files) == len(from_arrays) == 5
    for file, array in zip(from_files, from_arrays, strict=True):
        assert isinstance(file, classifier.Prediction)
        np.testing.assert_allclose(file.probabilities, array, atol=1e-6)
        assert array.sum() == pytest.approx(1)


def test_features_are_one_row_per_image(
    network: classifier.Classifier, pictures: list[np.ndarray]
) -> None:
    features = classifier.extract_features(network, pictures, batch_size=2)
    assert features.shape == (5, 120)
    np.testing.assert_allclose(
        features[3:4], classifier.extract_features(network, pictures[3:4]), atol=1e-5
    )
