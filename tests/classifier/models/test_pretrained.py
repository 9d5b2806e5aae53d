import hashlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from classifier.models import BuiltNetwork, build_network
from classifier.models.cifar_resnet import CIFAR10
from classifier.models.pretrained import load_published, load_weights_file
from faceswap.core.errors import ConfigError, ModelFileError, WeightsUnavailable
from faceswap.core.files import sha256_file, write_json


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty torch hub cache, offline."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def lenet(classes: int = 10, seed: int = 0, channels: int = 3) -> BuiltNetwork:
    torch.manual_seed(seed)
    return build_network("lenet5", classes, {"channels": channels})


def save_archive(value: object, path: Path) -> Path:
    torch.save(value, path)
    return path


def same(built: BuiltNetwork, other: BuiltNetwork) -> list[str]:
    theirs = other.module.state_dict()
    return [n for n, v in built.module.state_dict().items() if torch.equal(v, theirs[n])]


@pytest.mark.parametrize("prefix", ["", "module.", "model.", "backbone.", "_orig_mod.module."])
@pytest.mark.parametrize("container", [None, "state_dict", "model", "model_state"])
def test_checkpoint_containers_and_prefixes_are_recognised(
    prefix: str, container: str | None, tmp_path: Path
) -> None:
    source, target = lenet(seed=1), lenet(seed=2)
    tensors = {prefix + name: value for name, value in source.module.state_dict().items()}
    value = tensors if container is None else {"epoch": 3, container: tensors}
    report = load_weights_file(target, save_archive(value, tmp_path / "weights.pth"))
    assert (report.loaded, report.missing, report.unexpected, report.resized) == (10, [], [], [])
    assert len(same(target, source)) == 10


def test_head_of_another_size_keeps_its_initial_weights(tmp_path: Path) -> None:
    source, target, before = lenet(10, seed=1), lenet(2, seed=2), lenet(2, seed=2)
    tensors = source.module.state_dict() | {"extra": torch.zeros(3)}
    del tensors["features.0.bias"]
    save_file(tensors, tmp_path / "weights.safetensors")
    report = load_weights_file(target, tmp_path / "weights.safetensors")
    assert report.loaded == 7
    assert report.resized == ["head.2.weight", "head.2.bias"]
    assert report.missing == ["features.0.bias"]
    assert report.unexpected == ["extra"]
    assert same(target, before) == ["features.0.bias", "head.2.weight", "head.2.bias"]
    text = report.describe()
    assert "Loaded 7 of 10 tensors" in text
    assert all(name in text for name in ("head.2.weight", "features.0.bias", "extra"))


def test_weights_of_a_run_are_loaded_and_verified(tmp_path: Path) -> None:
    source, target = lenet(seed=1), lenet(seed=2)
    model = tmp_path / "run" / "model"
    model.mkdir(parents=True)
    save_file(source.module.state_dict(), model / "model.safetensors")
    write_json(model / "model.json", {"sha256": sha256_file(model / "model.safetensors")})
    assert load_weights_file(target, tmp_path / "run").loaded == 10
    assert len(same(target, source)) == 10
    write_json(model / "model.json", {"sha256": "0" * 64})
    with pytest.raises(ModelFileError, match="damaged"):
        load_weights_file(target, model)


def test_rgb_weights_are_converted_for_grey_input(tmp_path: Path) -> None:
    colour, grey, back = lenet(seed=1), lenet(seed=2, channels=1), lenet(seed=3)
    path = save_archive(colour.module.state_dict(), tmp_path / "colour.pth")
    assert load_weights_file(grey, path).adapted == ["features.0.weight"]
    images = torch.rand(2, 1, 32, 32)
    expected = colour.module(images.expand(2, 3, 32, 32))
    torch.testing.assert_close(grey.module(images), expected)
    load_weights_file(back, save_archive(grey.module.state_dict(), tmp_path / "grey.pth"))
    torch.testing.assert_close(back.module(images.expand(2, 3, 32, 32)), expected)


def test_old_torchvision_names(tmp_path: Path) -> None:
    with torch.device("meta"):
        names = build_network("densenet121", 5, {}).module.state_dict()
    target = build_network("densenet121", 5, {})
    old = {
        name.replace(".norm1.", ".norm.1.").replace(".conv2.", ".conv.2."): torch.zeros_like(
            value, device="cpu"
        )
        for name, value in names.items()
    }
    report = load_weights_file(target, save_archive(old, tmp_path / "old.pth"))
    assert (report.missing, report.unexpected) == ([], [])


@pytest.mark.parametrize("content", ["other", "text", "number", "absent"])
def test_weights_without_matching_tensors_are_rejected(content: str, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    if content == "other":
        save_archive({"fc.weight": torch.zeros(3, 3)}, path)
    elif content == "number":
        save_archive({"epoch": 3}, path)
    elif content == "text":
        path.write_text("<html>")
    with pytest.raises(ModelFileError):
        load_weights_file(lenet(), path)


def test_offline_error_names_the_missing_file(hub: Path) -> None:
    with pytest.raises(WeightsUnavailable) as caught:
        load_published("squeezenet1_1", 5, {})
    text = f"{caught.value.message} {caught.value.hint}"
    assert "squeezenet1_1-b8a52dc0.pth" in text
    assert "https://download.pytorch.org/models/" in text
    assert str(hub) in text
    assert "--weights" in text
    assert "FACESWAP_OFFLINE" in text
    with pytest.raises(WeightsUnavailable, match=r"timm/test_resnet\.r160_in1k"):
        load_published("timm:test_resnet", 5, {})
    with pytest.raises(ConfigError, match="no published weights"):
        load_published("lenet5", 5, {})


def test_torch_hub_cache_is_used(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from torchvision.models import SqueezeNet1_1_Weights as Weights

    torch.manual_seed(1)
    source = build_network("squeezenet1_1", 1000, {}).module.state_dict()
    saved = save_archive(source, hub / "saved.pth")
    digest = hashlib.sha256(saved.read_bytes()).hexdigest()
    saved.rename(hub / f"squeezenet1_1-{digest[:8]}.pth")
    url = f"https://download.pytorch.org/models/squeezenet1_1-{digest[:8]}.pth"
    monkeypatch.setattr(Weights.DEFAULT.value, "url", url)  # the file matches the hash in its name
    built, report = load_published("squeezenet1_1", 5, {"channels": 1})
    assert report.resized == ["classifier.1.weight", "classifier.1.bias"]
    assert report.adapted == ["features.0.weight"]
    state = built.module.state_dict()
    assert torch.equal(
        state["features.12.expand3x3.weight"], source["features.12.expand3x3.weight"]
    )
    monkeypatch.setattr(Weights.DEFAULT.value, "url", url.replace(digest[:8], "00000000"))
    (hub / f"squeezenet1_1-{digest[:8]}.pth").rename(hub / "squeezenet1_1-00000000.pth")
    with pytest.raises(WeightsUnavailable, match="another file"):
        load_published("squeezenet1_1", 5, {})


def test_weights_file_of_timm_is_used(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    source = build_network("timm:test_resnet", 1000, {}).module.state_dict()
    path = hub.parent / "test_resnet.r160_in1k.safetensors"
    save_file(source, path)
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(path.parent))
    built, report = load_published("timm:test_resnet", 5, {})
    assert report.resized == [f"{built.head}.weight", f"{built.head}.bias"]
    assert report.missing == report.unexpected == []
    assert torch.equal(built.module.state_dict()["conv1.0.weight"], source["conv1.0.weight"])


def test_what_cannot_be_verified_is_not_downloaded(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACESWAP_OFFLINE", "0")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    source = build_network("timm:test_resnet", 1000, {}).module.state_dict()
    save_file(source, hub / "test_resnet.r160_in1k.safetensors")  # by whom?
    with pytest.raises(WeightsUnavailable, match="no hash of it is published") as caught:
        load_published("timm:test_resnet", 5, {})
    assert "hf download timm/test_resnet.r160_in1k model.safetensors" in caught.value.hint


@pytest.mark.parametrize("damaged", [False, True])
def test_the_cache_of_the_hub_is_verified(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damaged: bool
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))
    torch.manual_seed(1)
    source = build_network("timm:test_resnet", 1000, {}).module.state_dict()
    repository = tmp_path / "hf" / "models--timm--test_resnet.r160_in1k"
    for folder in ("blobs", "refs", "snapshots/c0ffee"):
        (repository / folder).mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    save_file(source, tmp_path / "file")
    blob = repository / "blobs" / sha256_file(tmp_path / "file")
    (tmp_path / "file").rename(blob)
    (repository / "snapshots" / "c0ffee" / "model.safetensors").symlink_to(blob)
    if damaged:
        blob.write_bytes(blob.read_bytes()[:-4] + bytes(4))
        with pytest.raises(WeightsUnavailable, match="damaged"):
            load_published("timm:test_resnet", 5, {})
        return
    built, report = load_published("timm:test_resnet", 5, {})
    assert report.missing == report.unexpected == []
    assert torch.equal(built.module.state_dict()["conv1.0.weight"], source["conv1.0.weight"])


def test_position_embeddings_are_resampled(tmp_path: Path) -> None:
    source, target = build_network("vit_b_32", 2, {}, 64), build_network("vit_b_32", 2, {}, 96)
    path = save_archive(source.module.state_dict(), tmp_path / "vit.pth")
    report = load_weights_file(target, path)
    assert report.adapted == ["encoder.pos_embedding"]
    assert report.missing == report.resized == []
    old = source.module.state_dict()["encoder.pos_embedding"]
    new = target.module.state_dict()["encoder.pos_embedding"]
    torch.testing.assert_close(new[:, 0], old[:, 0])
    torch.testing.assert_close(new[:, [1, 3, 7, 9]], old[:, [1, 2, 3, 4]])  # corners stay


@pytest.fixture
def cifar(shared_weights: Path) -> BuiltNetwork:
    built, report = load_published("resnet20", 10, {})
    assert report.missing == report.unexpected == report.resized == []
    built.module.eval()
    return built


def photo(path: Path, built: BuiltNetwork) -> Tensor:
    image = cv2.imread(str(path))
    assert image is not None
    side = min(image.shape[:2])
    top, left = (image.shape[0] - side) // 2, (image.shape[1] - side) // 2
    image = image[top : top + side, left : left + side, ::-1]
    small = cv2.resize(np.ascontiguousarray(image), (32, 32), interpolation=cv2.INTER_AREA)
    mean, std = np.array(built.input.mean), np.array(built.input.std)
    return torch.from_numpy((small / 255 - mean) / std).permute(2, 0, 1).float()


def test_published_resnet20_distinguishes_cats_from_dogs(
    cifar: BuiltNetwork, shared_data: Path
) -> None:
    right = {}
    for animal in ("cat", "dog"):
        paths = sorted((shared_data / "cats_dogs" / f"{animal}s").glob("*.jpg"))[:100]
        with torch.no_grad():
            answers = cifar.module(torch.stack([photo(path, cifar) for path in paths])).argmax(1)
        right[animal] = (answers == CIFAR10.index(animal)).float().mean().item()
    # Chance level of ten classes: 0.1.
    assert right["cat"] > 0.75
    assert right["dog"] > 0.55
