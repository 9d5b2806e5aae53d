from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image.lpips import _LPIPS
from torchvision.models import alexnet

from faceswap.core.errors import ModelFileError, WeightsUnavailable
from faceswap.core.files import sha256_file
from faceswap.core.weights_table import WEIGHTS
from faceswap.training.losses.lpips import Lpips, load_lpips

NAME = "alexnet-owt-7be5be79.pth"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Empty cache of torch hub, offline."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


class Planted:
    """Object whose unpickling creates a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.path,)


def publish(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    monkeypatch.setitem(WEIGHTS, "alexnet", replace(WEIGHTS["alexnet"], sha256=sha256_file(path)))


def images(seed: int) -> Tensor:
    return torch.rand(2, 3, 176, 176, generator=torch.Generator().manual_seed(seed))


def test_missing_weights_are_named(hub: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=NAME) as caught:
        load_lpips()
    assert str(hub) in caught.value.message


@pytest.mark.parametrize("published", [False, True])
def test_a_planted_backbone_is_never_executed(
    hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, published: bool
) -> None:
    torch.save({"features.0.weight": Planted(tmp_path / "executed")}, hub / NAME)
    with (hub / NAME).open("rb") as file:
        assert file.read(2) == b"PK"
    if published:  # even if its hash were the right one
        publish(monkeypatch, hub / NAME)
        with pytest.raises(ModelFileError, match="only tensors"):
            load_lpips()
    else:
        with pytest.raises(WeightsUnavailable, match="another file"):
            load_lpips()
    assert not (tmp_path / "executed").exists()
    torch.save(Planted(tmp_path / "executed"), hub / NAME, _use_new_zipfile_serialization=False)
    with pytest.raises((WeightsUnavailable, ModelFileError)):
        load_lpips()
    assert not (tmp_path / "executed").exists()


def test_distances_are_those_of_torchmetrics(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    network = alexnet(weights=None)
    torch.save(network.state_dict(), hub / NAME)
    publish(monkeypatch, hub / NAME)
    reference = _LPIPS(net="alex", pnet_rand=True)
    reference.net.load_state_dict(
        {
            f"slice{number}.{layer}.{kind}": getattr(network.features[layer], kind)
            for number, layer in enumerate((0, 3, 6, 8, 10), start=1)
            for kind in ("weight", "bias")
        }
    )
    first, second = images(1), images(2)
    ours = load_lpips()(first, second)
    torch.testing.assert_close(ours, reference(first, second, normalize=True).mean())
    assert float(ours) > 0
    assert float(load_lpips()(first, first)) == 0


def test_a_network_of_random_weights_can_be_built() -> None:
    assert Lpips()(images(1), images(2)).shape == ()
