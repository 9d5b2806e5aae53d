import numpy as np
import pytest
import torch

from classifier.data.dataset import LoadedImages, Sample
from classifier.models import BuiltNetwork, build_network
from classifier.models.inference import seen
from classifier.training.head_features import HeadInput, compute_features
from faceswap.core.errors import ConfigError
from faceswap.core.processes import open_accelerator


@pytest.fixture
def images(tmp_path) -> LoadedImages:
    random = np.random.default_rng(0)
    samples = tuple(Sample(tmp_path / f"{n}.png", n % 2) for n in range(70))
    pixels = random.integers(0, 256, (70, 3, 32, 32), np.uint8)
    return LoadedImages(pixels, np.arange(70) % 2, samples)


def network(name: str = "resnet20") -> BuiltNetwork:
    torch.manual_seed(0)
    built = build_network(name, 2, {})
    built.module.eval()
    return built


def test_head_on_features_equals_the_network_on_images(images, tmp_path):
    built = network()
    with open_accelerator("cpu", "fp32") as accelerator:
        found = compute_features(images, built, accelerator, mirrored=True, folder=tmp_path)
    assert found.shape == (2, 70, 64)
    head = built.module.get_submodule(built.head)
    pixels = torch.from_numpy(images.images)
    with torch.no_grad():
        for view, shown in enumerate((pixels, pixels.flip(-1))):
            logits = built.module(seen(shown, built))
            assert torch.allclose(head(torch.from_numpy(found[view].copy())), logits, atol=1e-5)


def test_cached_features_do_not_depend_on_the_head(images, tmp_path, monkeypatch):
    built = network()
    with open_accelerator("cpu", "fp32") as accelerator:
        first = compute_features(images, built, accelerator, mirrored=False, folder=tmp_path)
        for parameter in built.module.get_submodule(built.head).parameters():
            parameter.data.zero_()
        with monkeypatch.context() as patch:
            patch.setattr(built.module, "forward", lambda _: pytest.fail("computed again"))
            again = compute_features(images, built, accelerator, mirrored=False, folder=tmp_path)
        assert np.array_equal(first, again)
        with torch.no_grad():
            next(built.module.parameters()).mul_(1.5)
        other = compute_features(images, built, accelerator, mirrored=False, folder=tmp_path)
    assert not np.array_equal(first, other)
    assert len(list(tmp_path.glob("features-*.npy"))) == 1


def test_cached_features_depend_on_the_files_not_only_on_their_names(images, tmp_path):
    built = network()
    files = [sample.path for sample in images.samples]
    for number, file in enumerate(files):
        file.write_bytes(bytes(1 + number))
    cache = tmp_path / "cache"
    cache.mkdir()
    with open_accelerator("cpu", "fp32") as accelerator:

        def compute(data: LoadedImages) -> np.ndarray:
            return compute_features(data, built, accelerator, mirrored=False, folder=cache)

        first = compute(images)
        files[0].rename(tmp_path / "x")  # two files exchange their names
        files[1].rename(files[0])
        (tmp_path / "x").rename(files[1])
        order = [1, 0, *range(2, 70)]
        exchanged = LoadedImages(images.images[order], images.labels, images.samples)
        second = compute(exchanged)
        assert np.array_equal(second[:, 0], first[:, 1])
    assert len(list(cache.glob("features-*.npy"))) == 1


def test_networks_without_cacheable_features_are_rejected():
    with pytest.raises(ConfigError, match="whole images"):
        HeadInput(network("fcdensenet56"))

    class Doubled(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = network().module

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return 2 * self.inner(images) + 1

    built = network()
    with pytest.raises(ConfigError, match="ends with its head"):
        HeadInput(BuiltNetwork(Doubled().eval(), built.input, "inner.linear"))
