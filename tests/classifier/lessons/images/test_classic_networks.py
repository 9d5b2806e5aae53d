import pytest
import torch

from classifier.lessons.images import classic_networks
from classifier.lessons.images.classic_networks import narrowed, receptive_fields
from classifier.models import build_network
from tests.classifier.lessons.drawing import check_figure


@pytest.fixture(scope="module")
def result() -> classic_networks.ClassicNetworks:
    return classic_networks.compute(images=64, test_images=20, steps=2, narrowing=16)


def test_receptive_fields_follow_the_recursion() -> None:
    assert receptive_fields([(5, 1), (2, 2), (5, 1), (2, 2), (5, 1)]) == [5, 6, 14, 16, 32]
    assert receptive_fields([(3, 1), (3, 1)])[-1] == receptive_fields([(5, 1)])[-1] == 5


def test_receptive_field_is_where_a_pixel_changes_the_output() -> None:
    torch.manual_seed(0)
    layers = torch.nn.Sequential(
        torch.nn.Conv2d(1, 2, 5, 2), torch.nn.AvgPool2d(3, 2), torch.nn.Conv2d(2, 1, 3)
    )
    image = torch.zeros(1, 1, 64, 64, requires_grad=True)
    layers(image)[0, 0, 2, 2].backward()
    assert image.grad is not None
    touched = (image.grad[0, 0] != 0).any(0).nonzero()
    side = receptive_fields([(5, 2), (3, 2), (3, 1)])[-1]
    assert int(touched.max() - touched.min()) + 1 == side


def test_published_networks(result: classic_networks.ClassicNetworks) -> None:
    lenet, alexnet, vgg = result.networks
    assert [each.parameters for each in result.networks] == [61_706, 61_100_840, 138_357_544]
    assert [len(each.layers) for each in result.networks] == [7, 11, 21]
    assert [layer.field for layer in lenet.layers] == [5, 6, 14, 16, 32, 32, 32]
    assert [layer.field for layer in alexnet.layers] == [
        *(11, 19, 51, 67, 99, 131, 163, 195),
        *(224, 224, 224),
    ]
    assert vgg.layers[-4].field == 212
    assert vgg.layers[-4].shape == (512, 7, 7)
    first = alexnet.layers[0]
    assert (first.kind, first.kernel, first.stride) == ("conv", 11, 4)
    assert first.shape == (64, 55, 55)
    pool = alexnet.layers[1]
    assert pool.kernel > pool.stride  # overlapping windows
    assert {layer.kernel for layer in vgg.layers if layer.kind == "conv"} == {3}
    assert alexnet.dense == pytest.approx(0.96, abs=0.005)


def test_narrow_networks_keep_the_design() -> None:
    with torch.device("meta"):
        vgg = build_network("vgg16", 1000, {}).module
    small = narrowed(vgg, 16)
    kinds = [type(layer).__name__ for layer in small]
    assert kinds.count("Conv2d") == 13
    assert kinds.count("Linear") == 3
    assert kinds.count("Dropout") == 2
    assert kinds.count("MaxPool2d") == 5
    widths = [layer.out_channels for layer in small if isinstance(layer, torch.nn.Conv2d)]
    assert widths == [4, 4, 8, 8, *[16] * 3, *[32] * 6]
    assert small(torch.zeros(2, 1, 32, 32)).shape == (2, 10)


def test_trainings_repeat_with_dropout(result: classic_networks.ClassicNetworks) -> None:
    torch.manual_seed(5)
    again = classic_networks.compute(images=64, test_images=20, steps=2, narrowing=16)
    assert [each.losses for each in again.trials] == [each.losses for each in result.trials]


def test_figure_and_text(result: classic_networks.ClassicNetworks) -> None:
    lines = classic_networks.describe(result)
    assert lines[2].startswith("VGG-16 (2014): 16 layers with weights, 138,357,544 parameters, 89%")
    assert len(lines) == 7
    assert [each.name for each in result.trials] == ["LeNet-5", "AlexNet", "VGG-16"]
    check_figure(
        classic_networks.LESSON,
        result,
        *("LeNet-5", "AlexNet", "VGG-16", "conv", "max", "dense", "total"),
    )
