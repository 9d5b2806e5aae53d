"""The discriminator of codes."""

import pytest
import torch

from faceswap.training.discriminators.code_discriminator import CodeDiscriminator
from faceswap.training.losses.adversarial import confusion, recognition


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((16,), (6, 3)),
        ((16, 1, 1), (6, 3)),
        ((16, 2, 2), (6, 3, 1, 1)),
        ((16, 4, 4), (6, 3, 2, 2)),
        ((16, 8, 8), (6, 3, 2, 2)),
        ((16, 7, 7), (6, 3, 2, 2)),
        ((16, 16, 16), (6, 3, 2, 2)),
    ],
)
def test_any_code_is_classified(shape, expected):
    assert CodeDiscriminator(shape, 3)(torch.randn(6, *shape)).shape == expected


@pytest.mark.parametrize("shape", [(8,), (8, 4, 4)])
def test_it_learns_whose_a_code_is(shape):
    torch.manual_seed(0)
    network = CodeDiscriminator(shape, 3)
    optimizer = torch.optim.Adam(network.parameters(), 1e-3)
    owners = torch.arange(3).repeat_interleave(8)
    means = torch.randn(3, *shape)

    def codes():
        return means[owners] + torch.randn(24, *shape)

    for _ in range(40):
        optimizer.zero_grad()
        recognition(network(codes()), owners).mean().backward()
        optimizer.step()
    told = network(codes())
    assert recognition(told, owners).mean() < 0.3
    assert confusion(told).mean() > 1


def test_layers_are_those_of_deepfacelab():
    with torch.device("meta"):
        network = CodeDiscriminator((512, 16, 16), 2)
    layers = [layer for layer in network.layers if isinstance(layer, torch.nn.Conv2d)]
    found = [(layer.out_channels, layer.kernel_size[0], layer.stride[0]) for layer in layers]
    assert found == [(256, 4, 2), (512, 3, 2), (1024, 3, 2), (2, 1, 1)]
