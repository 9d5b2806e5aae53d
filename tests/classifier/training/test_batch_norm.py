import pytest
import torch

from classifier.models import BuiltNetwork, build_network
from classifier.training.batch_norm import require_batch_norm_values
from faceswap.core.errors import ConfigError


def check(built: BuiltNetwork, batch_size: int, world_size: int = 1) -> None:
    require_batch_norm_values(built, built.module, batch_size, world_size)


@pytest.mark.parametrize("name", ["resnet18", "fcdensenet56"])
def test_one_image_per_process_is_refused(name: str) -> None:
    built = build_network(name, 2, {}, 32)
    before = {key: value.clone() for key, value in built.module.state_dict().items()}
    with pytest.raises(ConfigError, match=r"needs at least two images per process, found one"):
        check(built, 1)
    with pytest.raises(ConfigError, match="2 processes with one image each") as caught:
        check(built, 2, world_size=2)
    assert "data.batch_size=4" in caught.value.hint
    check(built, 2)
    check(built, 4, world_size=2)
    assert built.module.training
    after = built.module.state_dict()
    assert all(torch.equal(value, after[key]) for key, value in before.items())


def test_one_image_suffices_for_layers_with_several_pixels() -> None:
    check(build_network("resnet20", 2, {}), 1)  # 8 x 8 in its last layers


def test_one_image_suffices_without_batch_norm() -> None:
    check(build_network("lenet5", 2, {}), 1)


def test_only_trained_layers_count() -> None:
    built = build_network("resnet18", 2, {}, 32)
    require_batch_norm_values(built, built.module.get_submodule(built.head), 1, 1)
