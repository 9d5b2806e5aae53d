import pytest
import torch

from classifier.models import build_network, networks
from faceswap.core.errors import ConfigError


@pytest.mark.parametrize(
    ("options", "parameters"),
    [({"channels": 1}, 61_706), ({}, 62_006), ({"activation": "relu", "channels": 1}, 61_706)],
)
def test_parameter_count_and_shapes(options: dict[str, object], parameters: int) -> None:
    built = build_network("lenet5", 10, options)
    assert sum(p.numel() for p in built.module.parameters()) == parameters
    form = built.input
    assert (form.size, len(form.mean), len(form.std)) == (32, form.channels, form.channels)
    logits = built.module(torch.zeros(2, form.channels, form.size, form.size))
    assert logits.shape == (2, 10)
    logits.sum().backward()
    assert all(p.grad is not None for p in built.module.parameters())


def test_lenet5_is_registered() -> None:
    assert "lenet5" in networks.names()


@pytest.mark.parametrize(
    ("name", "options", "words"),
    [
        ("lenet", {}, "'lenet5'"),
        ("lenet5", {"chanels": 1}, "'channels'"),
        ("lenet5", {"channels": 2}, "1 or 3"),
        ("lenet5", {"activation": "rely"}, "relu"),
    ],
)
def test_invalid_options_are_rejected(name: str, options: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_network(name, 2, options)
    assert words in f"{caught.value.message} {caught.value.hint}"
