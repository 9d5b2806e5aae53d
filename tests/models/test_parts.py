"""Parts of every registered model, by which weights are reused and frozen."""

from collections import Counter

import pytest
import torch

from faceswap.models import build_model, models


@pytest.mark.parametrize("name", models.names())
def test_every_parameter_is_in_one_part(name):
    with torch.device("meta"):
        model = build_model(name, ["alice", "bob"])
    counts = Counter(id(p) for part in model.parts().values() for p in part.parameters())
    assert {id(p) for p in model.parameters()} == set(counts)
    assert set(counts.values()) == {1}


@pytest.mark.parametrize("name", models.names())
def test_parts_of_an_identity_end_in_its_name(name):
    with torch.device("meta"):
        # Not the first identity, which has nothing of its own in `liae`.
        parts = build_model(name, ["v.2", "alice"]).parts()
        others = build_model(name, ["v.2", "bob"]).parts()
    assert "encoder" in parts
    own = [part for part in parts if part.endswith(".alice")]
    assert own
    assert [part.replace("alice", "bob") for part in parts] == list(others)


def test_parts_of_the_classic_architecture():
    with torch.device("meta"):
        model = build_model("small", ["alice", "bob"])
    parts = model.parts()
    assert list(parts) == ["encoder", "inter", "decoder.alice", "decoder.bob"]
    assert parts["encoder"] is model.encoder
    assert parts["decoder.bob"] is model.decoders[1]
