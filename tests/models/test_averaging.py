"""Averages of models that match."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from faceswap.core.errors import ConfigError, ModelFileError
from faceswap.models import build_model
from faceswap.models.averaging import average_models
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.model_file import LoadedModel, ModelMeta
from faceswap.models.registry import models
from tests.models.guided import filled, reference_set
from tests.training.tiny import tiny


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(models._entries, "tiny", tiny)


def constant(value, name, identities=("alice", "bob"), step=3):
    """A model whose weights are all one value."""
    model = build_model("tiny", identities)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    subjects = {each: [{"name": f"{each} of {name}"}] for each in identities}
    meta = ModelMeta("tiny", {}, identities, 1.25, step, subjects)
    return LoadedModel(model, meta, f"{value:064.0f}", Path(name))


def values(model):
    return {
        float(value) for parameter in model.parameters() for value in parameter.detach().unique()
    }


def test_the_mean_of_known_values():
    loaded = [constant(1, "a"), constant(4, "b", step=9)]
    model, meta = average_models(loaded)
    assert values(model) == {2.5}
    assert values(loaded[0].model) == {1.0}
    assert (meta.architecture, meta.identities, meta.step) == ("tiny", ("alice", "bob"), 9)
    weighted, meta = average_models([*loaded, constant(8, "c")], [2, 1, 1])
    assert values(weighted) == {3.5}
    assert [origin["weight"] for origin in meta.origins] == [0.5, 0.25, 0.25]


def test_people_of_all_models_are_recorded_once():
    first, second = constant(1, "a"), constant(2, "b")
    earlier = {"alice": [{"name": "alice of a"}], "zoe (earlier training)": [{"name": "Zoe"}]}
    meta = average_models([first, replace(second, meta=replace(second.meta, subjects=earlier))])[1]
    assert meta.subjects == {
        "alice": [{"name": "alice of a"}],
        "bob": [{"name": "bob of a"}],
        "zoe (earlier training)": [{"name": "Zoe"}],
    }
    assert [origin["weights_sha256"] for origin in meta.origins] == [first.digest, second.digest]


def test_models_that_differ_are_refused_with_all_differences():
    first, second = constant(1, "a"), constant(2, "b", ("alice", "carol"))
    meta = replace(second.meta, coverage=1.5, options={"size": 96})
    with pytest.raises(ModelFileError) as caught:
        average_models([first, replace(second, meta=meta)])
    for said in ("alice, bob and alice, carol", "coverage 1.25 and 1.5", "size None and 96"):
        assert said in caught.value.message


def test_an_option_added_since_a_model_was_saved_has_its_default():
    options = {"size": 64, "code": 16}
    meta = ModelMeta("small", options, ("alice", "bob"), 1.25, 0)
    loaded = [
        LoadedModel(build_model("small", meta.identities, options), each, "", Path("run"))
        for each in (meta, replace(meta, options=options | {"mask": False}))
    ]
    assert average_models(loaded)[1].options == options


@pytest.mark.parametrize("weights", [[1], [1, -1], [0, 0], [float("nan"), 1]])
def test_weights_are_one_for_each_model(weights):
    with pytest.raises(ConfigError, match="2 weights"):
        average_models([constant(1, "a"), constant(2, "b")], weights)
    with pytest.raises(ConfigError, match="two or more"):
        average_models([constant(1, "a")])


def test_models_that_have_grown_differently_are_refused():
    grown = []
    for fraction in (0.3, 1.0):
        model = build_model("comb", ("alice", "bob"), {"size": 16, "channels": 8, "code": 8})
        model.grow(fraction)
        meta = ModelMeta("comb", {}, ("alice", "bob"), 1.25, 0)
        grown.append(LoadedModel(model, meta, "", Path("run")))
    with pytest.raises(ModelFileError, match=r"grown \d+ and \d+"):
        average_models(grown)


def test_networks_of_the_losses_of_all_models_are_remembered():
    first, second = constant(1.0, "a"), constant(2.0, "b")
    second = replace(second, meta=replace(second.meta, loss_recognizers=["mobilefacenet"]))
    _, meta = average_models([first, second])
    assert meta.loss_recognizers == ["mobilefacenet"]


def test_references_are_those_of_the_first_model():
    torch.manual_seed(0)
    meta = ModelMeta("anchored", {"size": 64, "detail": 64}, ("alice", "bob"), 1.25, 0)
    loaded = []
    for seed in (0, 5):
        model = filled(build_model("anchored", meta.identities, meta.options))
        assert isinstance(model, GuidedAutoencoder)
        model.references_of("alice").fill(reference_set(3 + seed, 64, seed))
        loaded.append(LoadedModel(model, meta, "0" * 64, Path(str(seed))))
    mean = average_models(loaded)[0]
    assert isinstance(mean, GuidedAutoencoder)
    assert len(mean.references_of("alice")) == 3
    one, other = (dict(each.model.named_parameters()) for each in loaded)
    name, weight = next(iter(mean.named_parameters()))
    torch.testing.assert_close(weight, (one[name] + other[name]) / 2)
