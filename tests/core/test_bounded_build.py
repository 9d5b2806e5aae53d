"""Networks that metadata describe far larger than their weights are not built."""

import pytest
import torch
from torch import nn

from faceswap.core.bounded_build import bounded_build
from faceswap.core.errors import ConfigError, ModelFileError


def layers(width: int, depth: int) -> nn.Module:
    return nn.Sequential(*(nn.Linear(width, width) for _ in range(depth)))


def test_a_network_of_the_size_of_its_weights_is_built():
    weights = layers(8, 2).state_dict()
    with bounded_build(weights, "model.json"):
        built = layers(8, 2)
    built.load_state_dict(weights)


@pytest.mark.parametrize(
    "build",
    [
        lambda: layers(20_000, 1),
        lambda: layers(1 << 40, 1),
        lambda: layers(-1, 1),
        lambda: nn.Sequential(*(nn.ReLU() for _ in range(5000))),
        lambda: nn.ModuleList(layers(2, 1) for _ in range(10**9)),
    ],
)
def test_a_larger_network_is_refused(build):
    with (
        pytest.raises(ModelFileError, match=r"model\.json does not describe"),
        bounded_build(layers(8, 2).state_dict(), "model.json"),
    ):
        build()


def test_layers_are_counted_only_within():
    with pytest.raises(ConfigError), bounded_build({}, "model.json"):
        raise ConfigError("Unknown.")
    before = torch.get_rng_state()
    torch.set_rng_state(before)
    layers(3000, 4)
