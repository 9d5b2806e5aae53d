"""Encoders by name, and the published weights of some."""

import hashlib
import importlib.util
import sys

import pytest
import torch
from torch import nn
from torchvision.models import DenseNet121_Weights, ResNet18_Weights, get_model, squeezenet1_1

from faceswap.core.ema import EMA
from faceswap.core.errors import ConfigError, ModelFileError, WeightsUnavailable
from faceswap.core.optional import MissingExtraError
from faceswap.models import build_model
from faceswap.models.encoders import build_encoder, initialise_encoder, load_published
from faceswap.models.encoders.own import encoders
from faceswap.models.encoders.published import PublishedEncoder

needs_timm = pytest.mark.skipif(
    importlib.util.find_spec("timm") is None, reason="timm is not installed"
)
SHAPES = [
    ("original", 64, 1024, 4),
    ("small", 96, 384, 3),
    ("df", 64, 512, 4),
    ("df_t", 64, 512, 2),
    ("torchvision:resnet18", 64, 512, 2),
    ("torchvision:swin_t", 64, 768, 2),
    ("torchvision:vgg11_bn", 64, 512, 2),
    ("torchvision:efficientnet_b0", 96, 1280, 3),
    ("torchvision:densenet121", 64, 1024, 2),
    ("torchvision:googlenet", 64, 1024, 2),
    ("torchvision:shufflenet_v2_x0_5", 64, 1024, 2),
]
TIMM = [
    ("timm:test_resnet", 64, 96, 2),
    ("timm:test_vit", 64, 64, 4),
    ("timm:swin_tiny_patch4_window7_224", 64, 768, 2),
    ("timm:convnext_atto", 64, 320, 2),
]


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """An empty cache of torch hub; nothing can be downloaded."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACESWAP_OFFLINE", "1")
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def publish(hub, monkeypatch, weights, tensors):
    """Makes tensors the published weights of a network of torchvision."""
    torch.save(tensors, hub / "saved.pth")
    digest = hashlib.sha256((hub / "saved.pth").read_bytes()).hexdigest()
    name = f"published-{digest[:8]}.pth"
    (hub / "saved.pth").rename(hub / name)
    monkeypatch.setattr(weights.DEFAULT.value, "url", f"https://example.org/{name}")


@pytest.mark.parametrize(
    ("name", "size", "channels", "side"),
    [*SHAPES, *(pytest.param(*each, marks=needs_timm) for each in TIMM)],
)
def test_the_shape_of_the_features_is_known_beforehand(name, size, channels, side):
    built = build_encoder(name, size)
    assert (built.channels, built.side) == (channels, side)
    assert built.module.training
    features = built.module(torch.rand(2, 3, size, size))
    assert features.shape == (2, channels, side, side)


@pytest.mark.parametrize("name", encoders.names())
def test_own_encoders_have_a_scale(name):
    with torch.device("meta"):
        half, whole = (build_encoder(name, 64, scale) for scale in (0.5, 1.0))
    assert 2 * half.channels == whole.channels
    assert half.side == whole.side


def test_a_network_without_pretraining_knows_no_batch():
    encoder = build_encoder("torchvision:resnet18", 64).module
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules())
    assert not list(dict(encoder.state_dict()).keys() & {"running_mean"})
    faces = torch.rand(3, 3, 64, 64)
    torch.testing.assert_close(encoder(faces)[:1], encoder(faces[:1]), atol=1e-4, rtol=1e-4)


def test_activations_that_timm_joins_to_the_normalisation_are_kept():
    pytest.importorskip("timm")
    encoder = build_encoder("timm:test_efficientnet", 64).module
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in encoder.modules())
    kinds = [type(layer).__name__ for layer in encoder.modules()]
    assert kinds.count("SiLU") > 3


def test_published_weights_are_loaded_and_their_statistics_kept(hub, monkeypatch):
    torch.manual_seed(1)
    source = get_model("resnet18")
    for layer in source.modules():
        if isinstance(layer, nn.BatchNorm2d):
            nn.init.uniform_(layer.get_buffer("running_mean"), 0, 0.1)
            nn.init.uniform_(layer.get_buffer("running_var"), 1, 2)
    publish(hub, monkeypatch, ResNet18_Weights, source.state_dict())
    encoder = build_encoder("torchvision:resnet18", 64, pretrained=True).module
    load_published(encoder)
    faces = torch.rand(2, 3, 64, 64)
    mean, deviation = (
        torch.tensor(each).view(3, 1, 1) for each in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    )
    expected = nn.Sequential(*list(source.eval().children())[:-2])((faces - mean) / deviation)
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    features = encoder.train()(faces)
    torch.testing.assert_close(features, expected)
    features.sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
    average = EMA(encoder, 0.9)
    average.update(0)
    for key, value in average.module.state_dict().items():
        assert torch.equal(value, before[key])


def test_old_names_of_densenet_are_known(hub, monkeypatch):
    torch.manual_seed(1)
    tensors = get_model("densenet121").state_dict()
    for part in ("norm", "conv"):
        tensors = {
            key.replace(f".{part}1.", f".{part}.1.").replace(f".{part}2.", f".{part}.2.")
            if "denselayer" in key
            else key: tensor
            for key, tensor in tensors.items()
        }
    publish(hub, monkeypatch, DenseNet121_Weights, tensors)
    encoder = build_encoder("torchvision:densenet121", 32, pretrained=True).module
    load_published(encoder)
    key = "features.denseblock1.denselayer1.conv2.weight"
    old = "features.denseblock1.denselayer1.conv.2.weight"
    assert torch.equal(encoder.state_dict()[f"network.{key}"], tensors[old])


def test_missing_weights_are_an_error_and_never_random(hub):
    encoder = build_encoder("torchvision:resnet18", 64, pretrained=True).module
    with pytest.raises(WeightsUnavailable, match="resnet18-f37072fd"):
        load_published(encoder)


def test_weights_of_another_network_are_refused(hub, monkeypatch):
    publish(hub, monkeypatch, ResNet18_Weights, squeezenet1_1().state_dict())
    encoder = build_encoder("torchvision:resnet18", 64, pretrained=True).module
    with pytest.raises(ModelFileError, match="resnet18"):
        load_published(encoder)


def test_without_pretraining_no_weights_are_searched(monkeypatch):
    monkeypatch.setattr(
        "faceswap.models.encoders.weights.weights_by_url", lambda *_: pytest.fail("searched")
    )
    load_published(build_encoder("torchvision:resnet18", 64).module)


@needs_timm
def test_published_weights_of_timm_are_loaded(hub, tmp_path, monkeypatch):
    import timm
    from safetensors.torch import save_file

    torch.manual_seed(1)
    source = timm.create_model("test_resnet")
    save_file(source.state_dict(), tmp_path / "test_resnet.r160_in1k.safetensors")
    encoder = build_encoder("timm:test_resnet", 64, pretrained=True).module
    with pytest.raises(WeightsUnavailable, match="test_resnet"):
        load_published(encoder)
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path))
    load_published(encoder)
    faces = torch.rand(2, 3, 64, 64)
    mean, deviation = encoder.get_buffer("mean"), encoder.get_buffer("deviation")
    given = []
    last = source.eval().get_submodule("layer4")
    last.register_forward_hook(lambda _layer, _inputs, output: given.append(output))
    source((faces - mean) / deviation)
    torch.testing.assert_close(encoder(faces), given[0])


class Branched(nn.Module):
    """An encoder with layers whose results are not used."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.idle = nn.Conv2d(3, 4, 3, 2, 1), nn.Conv2d(3, 4, 3, 2, 1)

    def forward(self, faces: torch.Tensor) -> torch.Tensor:
        self.idle(faces)
        return self.used(faces)


@pytest.fixture
def one_process(tmp_path):
    """A group of processes of this one alone."""
    file = f"file://{tmp_path / 'store'}"
    torch.distributed.init_process_group("gloo", init_method=file, rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


BRANCHED = ["branched", pytest.param("timm:hrnet_w18_small", marks=[needs_timm, pytest.mark.slow])]


@pytest.mark.parametrize("name", BRANCHED)
def test_several_processes_train_encoders_with_unused_weights(name, monkeypatch, one_process):
    monkeypatch.setitem(encoders._entries, "branched", lambda _size, _scale: Branched())
    options = {"encoder": name, "size": 64, "output": 32, "code": 4, "width": 8, "inter": "pool"}
    torch.manual_seed(0)
    model = build_model("modular", ["alice", "bob"], options)
    kinds = {param.requires_grad for param in model.encoder.parameters()}
    assert kinds == {True, False}
    wrapped = nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    for _ in range(2):  # the second step fails if gradients of the first are missing
        wrapped(torch.rand(2, 2, 3, 64, 64)).face.mean().backward()
        optimizer.step()
    for key, param in model.named_parameters():
        assert torch.equal(param, before[key]) != param.requires_grad


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_encoders_are_built_where_gradients_are_off(mode):
    with mode():
        built = build_encoder("torchvision:squeezenet1_1", 64)
    assert built.channels == 512
    assert all(weight.requires_grad for weight in built.module.parameters())


def test_no_layers_are_skipped_at_random():
    encoder = build_encoder("torchvision:efficientnet_b0", 64).module.train()
    faces = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(encoder(faces), encoder(faces))


def test_own_encoders_are_initialised_and_published_ones_left():
    for name, changes in (("small", True), ("torchvision:resnet18", False)):
        encoder = build_encoder(name, 64).module
        before = {key: tensor.clone() for key, tensor in encoder.state_dict().items()}
        initialise_encoder(encoder)
        same = all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
        assert same != changes
        assert isinstance(encoder, PublishedEncoder) != changes


@pytest.mark.parametrize(
    ("name", "size", "options", "said"),
    [
        ("orignal", 64, {}, "orignal"),
        ("torchvision:resnet19", 64, {}, "resnet19"),
        ("torchvision:vit_b_32", 64, {}, "cannot encode faces of 64 pixels"),
        ("torchvision:alexnet", 16, {}, "cannot encode faces of 16 pixels"),
        ("torchvision:resnet18", 64, {"scale": 0.5}, "scale of 1"),
        ("small", 64, {"scale": 0.0}, "scale"),
        ("small", 64, {"pretrained": True}, "no published weights"),
        ("df", 60, {}, "60"),
        pytest.param("timm:resnet19x", 64, {}, "resnet19x", marks=needs_timm),
    ],
)
def test_what_cannot_be_built_is_refused(name, size, options, said):
    with pytest.raises(ConfigError, match=said) as caught:
        build_encoder(name, size, **options)
    assert caught.value.hint


def test_without_timm_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(MissingExtraError) as caught:
        build_encoder("timm:resnet18", 64)
    assert "[timm]" in caught.value.hint
