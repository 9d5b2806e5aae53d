"""The family ``modular``, and the encoder of ``anchored``."""

from pathlib import Path

import pytest
import torch
import yaml

from faceswap.core.errors import ConfigError
from faceswap.models import build_model
from faceswap.models.blocks import Bottleneck, Upscale, he_init, smooth_shuffle_init
from faceswap.models.model_file import ModelMeta, load_model, save_model
from faceswap.models.saehd.network import Liae
from faceswap.models.small import compact_encoder

REPO = Path(__file__).resolve().parents[3]
TINY = {"encoder": "df", "scale": 0.1, "size": 64, "output": 32, "code": 8, "width": 16}


def build(identities=("alice", "bob"), **options):
    torch.manual_seed(0)
    return build_model("modular", list(identities), TINY | options)


def parameters(**options):
    with torch.device("meta"):
        model = build_model("modular", ["a", "b"], options)
    return sum(p.numel() for p in model.parameters())


@pytest.mark.parametrize("inter", ["dense", "split", "pool", "none"])
@pytest.mark.parametrize("decoder", ["subpixel", "residual", "compact", "resize"])
def test_all_inters_fit_all_decoders(inter, decoder):
    model = build(inter=inter, decoder=decoder, mask=True)
    assert (model.input_size, model.output_size, model.detail, model.full_size) == (64, 32, 32, 32)
    decoded = model(torch.rand(2, 2, 3, 64, 64), swaps=1)
    assert decoded.face.shape == (2, 2, 3, 32, 32)
    assert decoded.mask is not None
    assert decoded.mask.shape == (2, 2, 1, 32, 32)
    # Neither saturated nor grey, and not the same for each face.
    assert 0.001 < decoded.face.std() < 0.35
    assert (decoded.face[0, 0] - decoded.face[0, 1]).abs().max() > 1e-5


def test_the_numbers_of_parameters_in_the_docs():
    assert parameters() == 80_906_758
    assert parameters(inter="split") == 61_630_659
    assert parameters(encoder="torchvision:resnet18") == 91_697_862


@pytest.mark.parametrize("output", [32, 48, 96, 112, 160, 224, 256])
def test_output_sizes(output):
    model = build(output=output)
    assert model(torch.rand(2, 1, 3, 64, 64)).face.shape[-2:] == (output, output)


def test_split_inters_are_those_of_liae():
    model = build(["a", "b", "c"], inter="split")
    assert isinstance(model, Liae)
    assert list(model.parts()) == ["encoder", "inter", "decoder", "inter.b", "inter.c"]


def test_global_pooling_knows_no_place():
    model = build(inter="pool").eval()
    features = torch.rand(2, 48, 4, 4)
    mixed = features.flatten(2)[:, :, torch.randperm(16)].unflatten(2, (4, 4))
    torch.testing.assert_close(model.inter(mixed), model.inter(features))


def test_the_first_decoder_may_have_another_width():
    model = build(["a", "b", "c"], first=0.5)
    counts = [sum(p.numel() for p in decoder.parameters()) for decoder in model.decoders]
    assert counts[1] == counts[2]
    assert counts[0] < 0.6 * counts[1]


def test_a_model_file_of_a_pretrained_encoder_needs_no_published_weights(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("published weights are searched")

    monkeypatch.setattr("faceswap.models.encoders.weights.weights_by_url", refuse)
    options = TINY | {"encoder": "torchvision:mobilenet_v3_small", "scale": 1.0, "pretrained": True}
    model = build(**options).eval()
    save_model(tmp_path, model, ModelMeta("modular", options, ("alice", "bob"), 1.25, 7))
    loaded = load_model(tmp_path).model
    faces = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(loaded.swap(faces, "bob"), model.swap(faces, "bob"))


def test_a_large_head_does_not_keep_a_model_from_being_loaded(tmp_path):
    # Building VGG means 103 million weights that an encoder does not have.
    options = TINY | {"encoder": "torchvision:vgg11", "scale": 1.0}
    model = build(**options)
    save_model(tmp_path, model, ModelMeta("modular", options, ("alice", "bob"), 1.25, 7))
    assert load_model(tmp_path).model.output_size == 32


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"inter": "densely"}, "densely"),
        ({"decoder": "residuals"}, "residuals"),
        ({"output": 100}, "output"),
        ({"output": 2048}, "output"),
        ({"output": 272}, "at most 15 pixels"),
        ({"inter": "none", "output": 48}, "inter=none"),
        ({"inter": "split", "first": 0.5}, "first=0.5"),
        ({"code": 0}, "code"),
        ({"encoder": "smal"}, "smal"),
    ],
)
def test_parts_that_do_not_fit_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        build(**options)


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"output": 1008}, "output=1024."),  # 63 pixels would be 3969 places
        ({"output": 272}, "output=256."),
        ({"output": 240, "inter": "none"}, "output=64, or another inter."),
        ({"output": 96, "size": 512, "inter": "none"}, "output=512, or another inter."),
        ({"output": 96, "encoder": "original", "size": 1024, "inter": "none"}, "output=1024, or"),
    ],
)
def test_the_hint_names_an_output_that_fits(options, hint):
    with torch.device("meta"):
        with pytest.raises(ConfigError) as caught:
            build(**options)
        assert hint in caught.value.hint
        output = int(caught.value.hint.partition("output=")[2].partition(",")[0].rstrip("."))
        assert build(**options | {"output": output}).output_size == output


def test_anchored_with_its_own_encoder_is_what_it_was():
    options = {"size": 64, "code": 16, "detail": 64}
    torch.manual_seed(0)
    model = build_model("anchored", ["a", "b"], options)
    torch.manual_seed(0)
    widen = Upscale(256, 128)
    encoder, inter = compact_encoder(), torch.nn.Sequential(Bottleneck(384, 2, 16, 256, 2), widen)
    he_init(encoder)
    he_init(inter)
    smooth_shuffle_init(widen.conv, 2)
    for part, expected in ((model.encoder, encoder), (model.inter, inter)):
        for name, tensor in expected.state_dict().items():
            assert torch.equal(part.state_dict()[name], tensor)


@pytest.mark.parametrize("encoder", ["original", "df", "df_t", "torchvision:shufflenet_v2_x0_5"])
def test_anchored_with_other_encoders(encoder):
    options = {"size": 64, "code": 16, "detail": 64, "encoder": encoder}
    model = build_model("anchored", ["a", "b"], options)
    assert model.encode(torch.rand(2, 3, 64, 64)).shape == (2, 128, 4, 4)


def test_anchored_with_a_pretrained_encoder():
    options = {"encoder": "torchvision:resnet18", "pretrained": True}
    with torch.device("meta"):
        model = build_model("anchored", ["a", "b"], options)
    assert "encoder.network.bn1.running_mean" in model.state_dict()


def families():
    """Options of the table of other programs' families in the docs."""
    text = (REPO / "docs" / "models.md").read_text()
    table = text.partition("| family | options |\n|---|---|\n")[2].partition("\n\n")[0]
    for row in table.splitlines():
        name, options = (cell.strip() for cell in row.strip("| ").split(" | "))
        if not options.startswith("`comb`"):
            pairs = (pair.partition("=") for pair in options.split("`")[1].split())
            yield name, {key: yaml.safe_load(value) for key, _, value in pairs}


@pytest.mark.parametrize(("name", "options"), families())
def test_the_families_of_the_docs_can_be_built(name, options):
    if options.get("encoder", "").startswith("timm:"):
        pytest.importorskip("timm")
    with torch.device("meta"):
        model = build_model("modular", ["alice", "bob"], options)
    assert model.output_size == options.get("output", 128)
