import pytest
import torch
from torch import Tensor, nn

from classifier.interpretability.activation_maps import (
    feature_maps,
    layer_named,
    name_of,
    render_filters,
    render_maps,
    render_weights,
)
from classifier.interpretability.grad_cam import grad_cam, saliency
from faceswap.core.errors import ConfigError


class Quarters(nn.Module):
    """Class 0 scores the brightness of the upper left quarter, class 1 of the lower right one."""

    def __init__(self, in_place: bool = False) -> None:
        super().__init__()
        self.maps = nn.Conv2d(1, 1, 1, bias=False)
        nn.init.ones_(self.maps.weight)
        self.act = nn.ReLU(inplace=in_place)
        self.places = nn.Buffer(torch.zeros(2, 1, 8, 8))
        self.places[0, :, :4, :4] = self.places[1, :, 4:, 4:] = 1

    def forward(self, images: Tensor) -> Tensor:
        return (self.act(self.maps(images))[:, None] * self.places).sum((2, 3, 4))


def test_grad_cam_equals_a_calculation_by_hand() -> None:
    """Two maps, one for light and one for dark regions."""
    maps, head = nn.Conv2d(1, 2, 1, bias=False), nn.Linear(2, 2, bias=False)
    network = nn.Sequential(maps, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
    with torch.no_grad():
        maps.weight.copy_(torch.tensor([1.0, -1.0]).view(2, 1, 1, 1))
        head.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 1.0]]))
    image = torch.zeros(1, 1, 4, 4)
    image[..., :2, :2], image[..., 2:, 2:] = 2.0, -1.0
    light = grad_cam(network, network[1], image, torch.tensor([0]))
    dark = grad_cam(network, network[1], image, torch.tensor([1]))
    assert light[0].tolist() == (image[0, 0] > 0).float().tolist()
    assert dark[0].tolist() == (image[0, 0] < 0).float().tolist()
    assert not network[1]._forward_hooks


@pytest.mark.parametrize("in_place", [False, True])
def test_grad_cam_before_an_in_place_layer(in_place: bool) -> None:
    image = torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    network = Quarters(in_place).requires_grad_(requires_grad=False)
    heat = grad_cam(network, network.maps, image, torch.tensor([0, 1]))
    expected = image[:, 0].relu()
    assert torch.allclose(heat, expected / expected.flatten(1).amax(1)[:, None, None])


def test_saliency_covers_the_pixels_of_the_score() -> None:
    image = torch.ones(2, 1, 8, 8)
    heat = saliency(Quarters(), image, torch.tensor([0, 1]))
    assert heat[0].tolist() == Quarters().places[0, 0].tolist()
    assert heat[1].tolist() == Quarters().places[1, 0].tolist()
    threshold = saliency(lambda x: (x.flatten(1)[:, :2] > 0).float(), image, torch.tensor([0, 1]))
    assert not threshold.any()


def test_segmentation_saliency_covers_the_pixels_of_the_class() -> None:
    """The class of a pixel depends on that pixel only, so only pixels of the class are salient."""
    image = torch.zeros(1, 1, 4, 4)
    image[..., :2] = 1
    heat = saliency(lambda x: torch.cat([x, 0.5 - x], 1), image, torch.tensor([0]), "pixels")
    assert heat[0].tolist() == image[0, 0].tolist()


def test_render_filters_and_weights() -> None:
    picture = render_filters(nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(5, 2, 3)))
    assert picture is not None
    assert picture.shape == (63 + 4, 5 * 65 + 2, 3)
    assert render_filters(nn.Linear(2, 2)) is None
    layer = nn.Linear(48, 2)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[1, 0] = 1.0  # red, upper left
    picture = render_weights(nn.Sequential(nn.Flatten(), layer), (3, 4, 4))
    assert picture is not None
    assert picture[2, 2].tolist() == [128, 128, 128]
    assert picture[4, 136].tolist() == [255, 128, 128]
    assert render_weights(nn.Conv2d(3, 5, 3), (3, 4, 4)) is None


def test_layers_by_name() -> None:
    network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(inplace=True), nn.Flatten())
    image = torch.rand(2, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    maps = feature_maps(network, [layer_named(network, "0")], image)
    assert torch.equal(maps[0], network[0](image))  # not overwritten by the in-place ReLU
    assert render_maps(maps[0][0]).shape[2] == 3
    assert name_of(network, network[1]) == "1"
    with pytest.raises(ConfigError, match="no layer '3'"):
        layer_named(network, "3")
    with pytest.raises(ConfigError, match="Flatten"):
        feature_maps(network, [network[2]], image)
