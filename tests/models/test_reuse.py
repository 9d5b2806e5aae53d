"""Weights for a new model from a trained one, part by part."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.models import build_model
from faceswap.models.averaging import average_models
from faceswap.models.encoders import build_encoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from faceswap.models.registry import models
from faceswap.models.reuse import (
    check_frozen,
    earlier_subjects,
    option_differences,
    parse_origin,
    part_difference,
    take_parts,
)
from tests.models.small_options import SMALL
from tests.training.tiny import same, tiny

DIGEST = "0" * 64


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(models._entries, "tiny", tiny)


def trained(*identities):
    torch.manual_seed(1)
    model = build_model("tiny", identities)
    meta = ModelMeta("tiny", {}, identities, 1.25, 7)
    return LoadedModel(model, meta, DIGEST, Path("runs/base"))


def new(*identities):
    torch.manual_seed(2)
    return build_model("tiny", identities)


@pytest.mark.parametrize(
    ("text", "path", "parts"),
    [
        ("runs/base", "runs/base", {}),
        ("runs/base:encoder,inter", "runs/base", {"encoder": "encoder", "inter": "inter"}),
        ("base:decoder.al=decoder.bo-b", "base", {"decoder.al": "decoder.bo-b"}),
        ("runs/a:b/model", "runs/a:b/model", {}),
    ],
)
def test_origins_are_parsed_and_written_alike(text, path, parts):
    origin = parse_origin(text)
    assert origin.path == Path(path).absolute()
    assert dict(origin.parts) == parts
    assert parse_origin(str(origin)) == origin


def test_a_path_with_a_colon_that_exists_is_a_path(tmp_path):
    folder = tmp_path / "base:encoder"
    folder.mkdir()
    assert parse_origin(str(folder)).path == folder


@pytest.mark.parametrize("text", ["", ":encoder", "base:encoder,encoder"])
def test_origins_of_another_form_are_refused(text):
    with pytest.raises(ConfigError):
        parse_origin(text)


def test_parts_of_the_same_name_are_taken_to_the_bit():
    base, model = trained("alice", "bob"), new("alice", "carol")
    before = {name: part.state_dict() for name, part in new("alice", "carol").parts().items()}
    taken = take_parts(model, base, {})
    assert taken == {name: name for name in ("encoder", "inter", "decoder.alice")}
    own, theirs = model.parts(), base.model.parts()
    for name in taken:
        assert same(own[name].state_dict(), theirs[name].state_dict())
    assert same(own["decoder.carol"].state_dict(), before["decoder.carol"])


def test_named_parts_alone_are_taken():
    base, model = trained("alice", "bob"), new("alice", "carol")
    before = {name: part.state_dict() for name, part in new("alice", "carol").parts().items()}
    named = {"inter": "inter", "decoder.carol": "decoder.bob"}
    assert take_parts(model, base, named) == named
    own, theirs = model.parts(), base.model.parts()
    assert same(own["decoder.carol"].state_dict(), theirs["decoder.bob"].state_dict())
    assert same(own["encoder"].state_dict(), before["encoder"])
    with torch.no_grad():  # a copy: the trained model stays as it is
        own["inter"].load_state_dict({n: t + 1 for n, t in own["inter"].state_dict().items()})
    assert not same(own["inter"].state_dict(), theirs["inter"].state_dict())


def test_an_unknown_part_is_an_error_that_names_the_others():
    with pytest.raises(ConfigError, match=r"no part 'decoder\.dora'") as caught:
        take_parts(new("alice", "bob"), trained("alice", "bob"), {"decoder.dora": "encoder"})
    assert "decoder.alice" in caught.value.hint
    with pytest.raises(ConfigError, match=r"runs/base has no part 'intro'"):
        take_parts(new("alice", "bob"), trained("alice", "bob"), {"inter": "intro"})


def test_a_part_of_another_size_is_an_error_that_names_the_tensor(monkeypatch):
    wide = trained("alice", "bob")
    wide.model.encoder = nn.Sequential(next(wide.model.encoder.children()), nn.Conv2d(8, 24, 5))
    model = new("alice", "bob")
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    with pytest.raises(ModelFileError, match=r"'encoder'.*1\.\S*weight"):
        take_parts(model, wide, {})
    assert same(model.state_dict(), before)  # nothing was taken


def small_model(name, changes, identities=("alice", "bob")):
    options = SMALL[name] | changes
    model = build_model(name, identities, options)
    return LoadedModel(model, ModelMeta(name, options, identities, 1.25, 7), DIGEST, Path("runs/b"))


@pytest.mark.parametrize(
    ("name", "mine", "theirs", "said"),
    [
        ("df", {"archi": "ud"}, {"archi": "d"}, r"UnitPower in the first.*archi ud and d\."),
        (
            "df",
            {"archi": "ud"},
            {"archi": "udc"},
            r"slope 0\.1 in the first and None.*archi ud and",
        ),
        ("liae", {"archi": "c"}, {"archi": ""}, "slope None in the first and 0.1"),
        (
            "modular",
            {"encoder": "timm:test_vit", "scale": 1.0, "inter": "pool"},
            {"encoder": "timm:test_vit4", "scale": 1.0, "inter": "pool"},
            "encoder timm:test_vit and timm:test_vit4",
        ),
    ],
)
def test_a_part_that_computes_something_else_is_refused_with_the_option(name, mine, theirs, said):
    if "timm" in str(mine):
        pytest.importorskip("timm")
    model = small_model(name, mine).model
    with pytest.raises(ModelFileError, match=said):
        take_parts(model, small_model(name, theirs), {})
    other = small_model(name, theirs)
    alike = replace(other, meta=replace(other.meta, options=model.options))
    with pytest.raises(ModelFileError, match="part encoder"):
        average_models([small_model(name, mine), alike])


def test_numbers_of_the_input_are_part_of_what_an_encoder_computes():
    one, other = (build_encoder("torchvision:shufflenet_v2_x0_5", 64).module for _ in range(2))
    assert part_difference(one, other) == ""
    other.get_buffer("mean")[0] = 0.5
    assert "other values of mean" in part_difference(one, other)


def test_an_encoder_fits_the_same_one_of_another_size_and_of_another_family():
    model = small_model("modular", {"encoder": "torchvision:shufflenet_v2_x0_5", "scale": 1.0})
    larger = small_model(
        "modular", {"encoder": "torchvision:shufflenet_v2_x0_5", "scale": 1.0, "size": 96}
    )
    assert take_parts(model.model, larger, {"encoder": "encoder"})
    assert option_differences(model.model.options, larger.model.options) == ["size 64 and 96"]
    df, liae = small_model("df", {}), small_model("liae", {})
    assert take_parts(df.model, liae, {"encoder": "encoder"})


@pytest.mark.parametrize(
    ("parts", "size"), [({}, 8), ({"inter": "inter"}, 4), ({"encoder": "encoder"}, 8)]
)
def test_a_grown_model_is_continued_at_its_level(parts, size):
    base, model = small_model("comb", {"growth": 1.0}), small_model("comb", {"growth": 0.5}).model
    base.model.grow(0.4)
    take_parts(model, base, parts)
    assert model.output_size == size
    if size == 8:
        grown = base.model.get_buffer("grown")
        assert torch.equal(model.get_buffer("grown"), grown)
        model.grow(0.1)  # earlier than the level in the new plan
        assert torch.equal(model.get_buffer("grown"), grown)
    model.grow(0.5)
    assert model.output_size == 16


def test_models_without_a_common_part_are_refused(monkeypatch):
    model = new("alice", "bob")
    parts = model.parts()
    monkeypatch.setattr(model, "parts", lambda: {"inter.alice": parts["inter"]})
    with pytest.raises(ModelFileError, match=r"No part.*inter\.alice"):
        take_parts(model, trained("alice", "bob"), {})


def test_frozen_parts_exist_and_leave_something_to_train():
    model = new("alice", "bob")
    check_frozen(["encoder", "inter", "decoder.bob"], model)
    with pytest.raises(ConfigError, match="'decoder'") as caught:
        check_frozen(["decoder"], model)
    assert "decoder.bob" in caught.value.hint
    with pytest.raises(ConfigError, match="All parts"):
        check_frozen(list(model.parts()), model)


def test_subject_records_of_earlier_people_travel_on():
    ann, ben, old = ({"name": name, "basis": "consent"} for name in ("Ann", "Ben", "old Ann"))
    origins = [
        {"subjects": {"alice": [ann, old], "bob": [ben]}},
        {"subjects": {"bob (earlier training)": [ben], "alice": [old]}},
    ]
    assert earlier_subjects({"alice": [ann]}, origins) == {
        "alice": [ann],
        "alice (earlier training)": [old],
        "bob (earlier training)": [ben],
    }
