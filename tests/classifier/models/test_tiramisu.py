import pytest
import torch

from classifier.models import build_network
from faceswap.core.errors import ConfigError


@pytest.mark.parametrize(
    ("name", "parameters"),
    # The commonly quoted counts (1,374,865 for 56, 9,319,521 for 103) are for a single class; every
    # further class adds one weight for each of the last 192 or 256 maps, and a bias.
    [("fcdensenet56", 1_376_795), ("fcdensenet67", 3_463_243), ("fcdensenet103", 9_322_091)],
)
def test_parameter_counts(name: str, parameters: int) -> None:
    with torch.device("meta"):
        module = build_network(name, 11, {}).module
    assert sum(p.numel() for p in module.parameters()) == parameters


@pytest.mark.parametrize(("name", "parameters"), [("56", 1_374_865), ("103", 9_319_521)])
def test_parameter_counts_of_a_single_class(name: str, parameters: int) -> None:
    with torch.device("meta"):
        module = build_network(f"fcdensenet{name}", 1, {}).module
    assert sum(p.numel() for p in module.parameters()) == parameters


@pytest.mark.parametrize("sides", [(32, 32), (45, 63), (64, 33)])
def test_input_sizes_from_32_up(sides: tuple[int, int]) -> None:
    built = build_network("fcdensenet56", 3, {"channels": 1, "growth": 4})
    assert (built.task, built.input.size, built.input.channels) == ("pixels", 224, 1)
    logits = built.module(torch.zeros(2, 1, *sides))
    assert logits.shape == (2, 3, *sides)
    logits.sum().backward()
    assert all(p.grad is not None for p in built.module.parameters())


def test_activation_checkpointing_keeps_the_gradients() -> None:
    results = []
    for checkpoint in (False, True):
        torch.manual_seed(0)
        net = build_network("fcdensenet56", 3, {"growth": 4, "checkpoint": checkpoint}).module
        images = torch.randn(2, 3, 32, 32)
        net(images).square().mean().backward()  # requires equal dropout masks too
        gradients = {name: p.grad for name, p in net.named_parameters()}
        results.append((gradients, dict(net.named_buffers())))
    torch.testing.assert_close(results[0], results[1])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"dropout": 1.0}, "dropout"), ({"growth": 0}, "growth"), ({"size": 16}, "at least 32")],
)
def test_invalid_options_are_rejected(options: dict[str, float], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        build_network("fcdensenet56", 3, options)
