"""All built-in networks, and one of each torchvision family."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from classifier.models import BuiltNetwork, build_network, known_networks, networks
from classifier.models.anatomy import backbone, embed, last_maps, layer_groups
from classifier.models.torchvision_networks import torchvision_names
from faceswap.core.errors import ConfigError
from faceswap.core.tensor_files import save_tensors

# At 1000 classes, as torchvision and the papers give them; our own at 10.
PARAMETERS = {
    "alexnet": 61_100_840,
    "vgg11": 132_863_336,
    "vgg13_bn": 133_053_736,
    "vgg16": 138_357_544,
    "vgg19": 143_667_240,
    "resnet18": 11_689_512,
    "resnet50": 25_557_032,
    "resnext50_32x4d": 25_028_904,
    "wide_resnet50_2": 68_883_240,
    "densenet121": 7_978_856,
    "squeezenet1_0": 1_248_424,
    "mobilenet_v2": 3_504_872,
    "mobilenet_v3_small": 2_542_856,
    "efficientnet_b0": 5_288_548,
    "convnext_tiny": 28_589_128,
    "vit_b_16": 86_567_656,
    "swin_t": 28_288_354,
    "maxvit_t": 30_919_624,
    "mnasnet1_0": 4_383_312,
    "shufflenet_v2_x1_0": 2_278_604,
    "googlenet": 6_624_904,
    "inception_v3": 23_834_568,
}
OWN = {
    "mlp": 50_366_090,
    "maxout_mlp": 15_038_410,
    "lenet5": 62_006,
    "perceptron": 30_730,
    "resnet20": 269_722,
    "resnet32": 464_154,
    "resnet44": 658_586,
    "resnet56": 853_018,
    "resnet110": 1_727_962,
}
# Small enough to run: name, options, side, width of the embedding, whether there are maps.
RUN = [
    ("neuron", {}, None, 1024, False),
    ("perceptron", {}, None, 3072, False),
    ("mlp", {"hidden": "12,8", "activation": "maxout", "dropout": 0.1}, 16, 8, False),
    ("maxout_mlp", {"hidden": 12}, 16, 12, False),
    ("lenet5", {"activation": "maxout"}, None, 120, True),
    ("resnet20", {}, None, 64, True),
    ("fcdensenet56", {"growth": 2}, 32, 72, True),
    ("alexnet", {}, 64, 4096, True),
    ("resnet18", {"channels": 1}, 64, 512, True),
    ("densenet121", {}, 64, 1024, True),
    ("squeezenet1_0", {}, 64, 512, True),
    ("mobilenet_v3_small", {}, 64, 1024, True),
    ("efficientnet_b0", {}, 64, 1280, True),
    ("shufflenet_v2_x0_5", {}, 64, 1024, True),
    ("mnasnet0_5", {}, 64, 1280, True),
    ("regnet_y_400mf", {}, 64, 440, True),
    ("googlenet", {}, 64, 1024, True),
    ("swin_t", {}, 64, 768, True),
    ("vit_b_32", {}, 64, 768, False),
    ("timm:test_resnet", {"channels": 1}, 64, 96, True),
    ("timm:test_vit", {}, 64, 64, False),
]


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameter_counts_of_torchvision_networks(name: str) -> None:
    with torch.device("meta"):
        built = build_network(name, 1000, {})
        few = build_network(name, 7, {})
    assert count(built.module) == PARAMETERS[name]
    head = few.module.get_submodule(few.head)
    assert head.weight.shape[0] == 7  # pyright: ignore[reportAttributeAccessIssue, reportOptionalSubscript, reportIndexIssue]


@pytest.mark.parametrize("name", OWN)
def test_parameter_counts_of_built_in_networks(name: str) -> None:
    with torch.device("meta"):
        assert count(build_network(name, 10, {}).module) == OWN[name]


def test_all_built_in_networks_are_tested() -> None:
    dense = {name for name in networks.names() if name.startswith("fcdensenet")}
    assert set(networks.names()) == {*OWN, "neuron", *dense}
    assert set(known_networks()) == {*networks.names(), *torchvision_names()}
    assert not set(networks.names()) & set(torchvision_names())


@pytest.mark.parametrize(("name", "options", "size", "width", "maps"), RUN)
def test_forward_backward_save_and_load(
    name: str, options: dict[str, object], size: int | None, width: int, maps: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    classes = 2 if name == "neuron" else 5
    built = build_network(name, classes, options, size)
    assert size in (None, built.input.size)
    form = built.input
    assert len(form.mean) == len(form.std) == form.channels
    images = torch.rand(2, form.channels, form.size, form.size)
    built.module.eval()
    check_outputs(built, images, classes, width)
    check_groups(built)
    check_maps(built, images, maps)
    check_round_trip(built, build_network(name, classes, options, size), images, tmp_path)


def check_outputs(built: BuiltNetwork, images: torch.Tensor, classes: int, width: int) -> None:
    logits = built.module(images)
    whole = (2, classes, *images.shape[2:]) if built.task == "pixels" else (2, classes)
    assert logits.shape == whole
    logits.square().sum().backward()
    assert all(p.grad is not None for p in built.module.parameters())
    with torch.no_grad():
        embedding = embed(built, images)
        assert embedding.shape == (2, width)
        head = built.module.get_submodule(built.head)
        inner = next(m for m in head.modules() if isinstance(m, nn.Linear | nn.Conv2d))
        assert width == (inner.in_features if isinstance(inner, nn.Linear) else inner.in_channels)
        if isinstance(head, nn.Linear) and classes > 2:
            torch.testing.assert_close(head(embedding), built.module(images))


def check_groups(built: BuiltNetwork) -> None:
    groups = layer_groups(built)
    grouped = [p for group in groups for module in group.modules for p in module.parameters()]
    assert [id(p) for p in grouped] == [id(p) for p in built.module.parameters()]
    assert groups[-1].modules == (built.module.get_submodule(built.head),)
    assert len({group.name for group in groups}) == len(groups)
    assert 1 <= len(groups) <= 30


def check_maps(built: BuiltNetwork, images: torch.Tensor, maps: bool) -> None:
    if not maps:
        with pytest.raises(ConfigError):
            last_maps(built)
        return
    caught = []
    handle = last_maps(built).register_forward_hook(lambda _m, _i, out: caught.append(out.clone()))
    with torch.no_grad():
        built.module(images)
        handle.remove()
        cut = backbone(built)
        found = cut(images)
    torch.testing.assert_close(found, caught[0])
    assert found.shape[2] == found.shape[3] > 1
    ours = {id(p) for p in built.module.parameters()}
    assert {id(p) for p in cut.parameters()} <= ours, "it shares the network's weights"


def check_round_trip(
    built: BuiltNetwork, other: BuiltNetwork, images: torch.Tensor, folder: Path
) -> None:
    save_tensors(folder / "net.safetensors", built.module.state_dict())
    other.module.load_state_dict(load_file(folder / "net.safetensors"))
    with torch.no_grad():
        torch.testing.assert_close(other.module.eval()(images), built.module(images))


@pytest.mark.parametrize(
    ("name", "size", "options"),
    [("vit_b_32", None, {"image_size": 96}), ("vit_b_32", 96, {}), ("resnet18", 96, {})],
)
def test_other_sizes(name: str, size: int | None, options: dict[str, int]) -> None:
    with torch.device("meta"):
        built = build_network(name, 3, options, size)
    assert built.input.size == 96


@pytest.mark.parametrize(
    ("name", "options", "size", "words"),
    [
        ("resnet19", {}, None, "'resnet1"),
        ("timm:resnet18x", {}, None, "'timm:resnet18"),
        ("swin_base_patch4_window7_224", {}, None, "'timm:swin_base_patch4_window7_224'"),
        ("alexnet", {"dropuot": 0.1}, None, "'dropout'"),
        ("alexnet", {"dropout": 3.0}, None, "probability"),
        ("alexnet", {"weights": "DEFAULT"}, None, "no option 'weights'"),
        ("alexnet", {"channels": 4}, None, "1 or 3"),
        ("alexnet", {}, 16, "16 pixels"),
        ("vit_b_32", {}, 50, "50"),
        ("lenet5", {}, 64, "32 pixels"),
        ("mlp", {"size": 8}, 16, "twice"),
        ("mlp", {"hidden": "8,x"}, None, "comma-separated"),
        ("mlp", {"dropout": "much"}, None, "a number"),
        ("perceptron", {"channels": True}, None, "an integer"),
    ],
)
def test_invalid_options_are_rejected(
    name: str, options: dict[str, object], size: int | None, words: str
) -> None:
    with pytest.raises(ConfigError) as caught, torch.device("meta"):
        build_network(name, 2, options, size)
    assert words in f"{caught.value.message} {caught.value.hint}"
