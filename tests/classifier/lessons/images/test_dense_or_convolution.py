import torch

from classifier.lessons.images import dense_or_convolution
from classifier.lessons.images.dense_or_convolution import convolutional_network, dense_network
from classifier.lessons.material.fitting import count_parameters
from tests.classifier.lessons.drawing import check_figure


def test_parameters_of_the_dense_network_grow_with_the_window() -> None:
    with torch.device("meta"):
        dense, convolutional = dense_network(256, 7), convolutional_network(7)
    assert count_parameters(dense) == 196_608 * 64 + 64 + 64 * 7 + 7
    expected = (3 * 49 * 12 + 12) + (12 * 9 * 24 + 24) + (24 * 9 * 32 + 32) + (32 * 9 * 32 + 32)
    assert count_parameters(convolutional) == expected + 32 * 7 + 7


def test_convolutions_take_windows_of_any_side_and_ignore_shifts_of_a_texture() -> None:
    network = convolutional_network(7).eval()
    random = torch.Generator().manual_seed(0)
    patch = torch.randint(0, 256, (1, 3, 32, 32), dtype=torch.uint8, generator=random)
    texture = patch.repeat(1, 1, 8, 8)
    with torch.no_grad():
        assert network(texture[..., :64, :64]).shape == (1, 7)
        # Shifted by 32 pixels, the product of the strides, the texture is the same.
        shifted = network(texture.roll((32, 32), (2, 3)))
        torch.testing.assert_close(network(texture), shifted)


def test_both_networks_learn_small_windows() -> None:
    result = dense_or_convolution.compute(windows=210, test_windows=70, side=32, steps=65)
    dense, convolutional = result.dense, result.convolutional
    assert dense.training > 0.6
    assert convolutional.training > 0.4
    assert dense.parameters > 8 * convolutional.parameters
    assert dense.tested == convolutional.tested == [*range(6, 61, 6), 65]
    assert len(dense.accuracies) == 11
    assert dense.weights.shape == (4, 32, 32, 3)
    assert convolutional.weights.shape == (12, 7, 7, 3)
    assert result.shown.shape == (2, 7, 32, 32, 3)
    lines = dense_or_convolution.describe(result)
    assert lines[0].startswith("7 photos, windows of 32 x 32 x 3 = 3,072 values; 65 steps each")
    assert f"{3072 * 64 + 64 + 64 * 7 + 7:,} parameters" in lines[1]
    check_figure(dense_or_convolution.LESSON, result, "galaxies", "test")
