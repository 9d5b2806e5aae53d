"""Tests of every registered model; a new model is included once it is registered."""

import pytest
import torch

from faceswap.core.errors import ConfigError, IdentityError
from faceswap.models import build_model, check_options, models
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.inference import decode
from faceswap.models.model_file import ModelMeta, load_model, save_model
from tests.models.guided import filled, guides
from tests.models.small_options import SMALL

MODULAR = [
    {"inter": "split"},
    {"inter": "pool", "decoder": "subpixel"},
    {"inter": "none", "decoder": "compact"},
    {"encoder": "torchvision:shufflenet_v2_x0_5", "scale": 1.0, "decoder": "resize"},
    {"encoder": "torchvision:resnet18", "scale": 1.0, "pretrained": True, "first": 0.5},
]
CHOICES = [
    ("archi", archi) for archi in ("", "u", "d", "t", "c", "ud", "ut", "dt", "udt", "cd", "ctud")
]


def variants(name):
    """Small options of a model; with and without a mask, and each kind of network."""
    base = SMALL.get(name, {})
    known = check_options(name, {})
    yield base
    if "mask" in known:
        yield base | {"mask": not known["mask"]}
    yield from (base | parts for parts in MODULAR if name == "modular")
    for option, value in CHOICES:
        if option in known and value != known[option]:
            yield base | {option: value}


VARIANTS = [(name, options) for name in models.names() for options in variants(name)]
# Published numbers of parameters in millions, for two identities: deepfakes/faceswap, DeepFaceLab.
PUBLISHED = [
    ("original", {}, 82.06247),
    ("original", {"mask": True}, 94.46),
    ("df", {"archi": ""}, 57.5),
    ("df", {}, 54.5),
    ("df", {"size": 224}, 73.9),
    ("liae", {"archi": ""}, 95.0),
    ("liae", {}, 82.4),
    ("liae", {"size": 224}, 125.7),
    ("liae", {"size": 224, "archi": "udt"}, 94.9),
    ("liae", {"size": 256, "archi": "udt"}, 102.8),
    ("liae", {"size": 320}, 192.6),
    ("liae", {"size": 320, "archi": "udt"}, 121.7),
    ("amp", {}, 101.3),
]


def build(name, options, identities=("alice", "bob")):
    torch.manual_seed(0)
    return filled(build_model(name, identities, options))


def predicts_mask(model, name, options):
    return isinstance(model, GuidedAutoencoder) or bool(check_options(name, options).get("mask"))


@pytest.mark.parametrize(("name", "options"), VARIANTS)
@pytest.mark.parametrize("identities", [("alice", "bob"), ("items", "type", "Zoë")])
def test_forward_uses_every_parameter(name, options, identities):
    model = build(name, options, identities)
    for fraction in torch.linspace(0, 1, 17).tolist() if model.grows else [0.0]:
        model.grow(fraction)
        check_forward(model, predicts_mask(model, name, options))
    without = [n for n, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    assert without == []


def check_forward(model, masked):
    """Checks an output of a model, and adds its gradients."""
    count, size = len(model.identities), model.input_size
    faces = torch.rand(count, 2, 3, size, size)
    decoded = model(faces, 0, guides(model, count, 2))
    out = model.output_size
    assert decoded.face.shape == (count, 2, 3, out, out)
    assert decoded.codes is not None
    assert decoded.codes.shape[:2] == (count, 2)
    assert decoded.face.min() >= 0
    assert decoded.face.max() <= 1
    assert (decoded.mask is not None) == masked
    loss = decoded.face.mean()
    if decoded.penalty is not None:
        assert decoded.penalty.shape == (count, 2)
        loss = loss + decoded.penalty.mean()
    if decoded.mask is not None:
        assert decoded.mask.shape == (count, 2, 1, out, out)
        loss = loss + decoded.mask.mean()
    loss.backward()


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_saved_and_loaded_it_swaps_the_same(name, options, tmp_path):
    model = build(name, options).eval()
    save_model(
        tmp_path / "run" / "model", model, ModelMeta(name, options, ("alice", "bob"), 1.25, 7)
    )
    loaded = load_model(tmp_path / "run")
    assert loaded.identities == ("alice", "bob")
    assert (loaded.meta.step, loaded.coverage) == (7, 1.25)
    faces = torch.rand(3, 3, model.input_size, model.input_size)
    shown = guides(model, 3)
    for to in ("alice", "bob"):
        torch.testing.assert_close(
            loaded.model.swap(faces, to, shown).face, model.swap(faces, to, shown).face
        )


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_swap_is_the_decoder_of_the_other_identity(name, options):
    model = build(name, options).eval()
    faces = torch.rand(2, 2, 3, model.input_size, model.input_size)
    shown = guides(model, 2, 2)
    reconstructed = model(faces, 0, shown).face
    for number, own in enumerate(("alice", "bob")):
        alone = None if shown is None else shown.of(number)
        swapped = decode(model, faces[number], own, bf16=False, guides=alone)
        if not isinstance(model, GuidedAutoencoder):  # others are decoded at another size
            torch.testing.assert_close(swapped, reconstructed[number])
        assert (swapped - reconstructed[number]).abs().mean() < 0.01
        other = decode(model, faces[number], ("bob", "alice")[number], bf16=False, guides=alone)
        assert (other - reconstructed[number]).abs().max() > 1e-3
    with pytest.raises(IdentityError, match="carol"):
        model.swap(faces[0], "carol", None if shown is None else shown.of(0))


@pytest.mark.parametrize(("name", "options"), VARIANTS)
def test_swaps_of_a_batch_are_those_of_the_preceding_identity(name, options):
    model = build(name, options).eval()
    if isinstance(model, GuidedAutoencoder):
        pytest.skip("guided models do not swap in training")
    faces = torch.rand(2, 2, 3, model.input_size, model.input_size)
    decoded = model(faces, swaps=1)
    torch.testing.assert_close(decoded.face, model(faces).face)
    assert decoded.swapped is not None
    torch.testing.assert_close(decoded.swapped[0], model.swap(faces[1, :1], to="alice").face)
    torch.testing.assert_close(decoded.swapped[1], model.swap(faces[0, :1], to="bob").face)


@pytest.mark.parametrize(("name", "options", "millions"), PUBLISHED)
def test_the_published_number_of_parameters(name, options, millions):
    with torch.device("meta"):
        model = build_model(name, ["alice", "bob"], options)
    places = len(str(millions).partition(".")[2])
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, places) == millions


def test_small_supports_other_sizes():
    model = build("small", {"size": 64})
    assert model(torch.rand(2, 1, 3, 64, 64)).face.shape == (2, 1, 3, 64, 64)
    with pytest.raises(ConfigError, match="100") as caught:
        build("small", {"size": 100})
    assert "size=96" in caught.value.hint


def test_unknown_models_and_options_are_rejected_by_name():
    with pytest.raises(ConfigError, match="orignal") as caught:
        build_model("orignal", ["a", "b"])
    assert "original" in caught.value.hint
    with pytest.raises(ConfigError, match="size"):
        build_model("original", ["a", "b"], {"size": 64})
