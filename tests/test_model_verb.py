"""The verb ``faceswap model``."""

import pytest
import torch

from faceswap.core.errors import ModelFileError, OutputExistsError
from faceswap.model import average
from faceswap.models import build_model
from faceswap.models.guided import GuidedAutoencoder
from faceswap.models.model_file import ModelMeta, load_model, save_model
from faceswap.models.registry import models
from tests.models.guided import filled, reference_set
from tests.training.tiny import tiny


@pytest.fixture(autouse=True)
def _registered(monkeypatch):
    monkeypatch.setitem(models._entries, "tiny", tiny)


def saved(folder, value, identities=("alice", "bob")):
    model = build_model("tiny", identities)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.fill_(value)
    save_model(folder / "model", model, ModelMeta("tiny", {}, identities, 1.25, 5))
    return folder


def test_the_average_is_a_model_that_loads(tmp_path, capsys):
    runs = [saved(tmp_path / "a", 1.0), saved(tmp_path / "b", 2.0)]
    average(runs, tmp_path / "c", [3, 1])
    loaded = load_model(tmp_path / "c")
    assert {float(p.mean()) for p in loaded.model.parameters()} == {1.25}
    assert [origin["step"] for origin in loaded.meta.origins] == [5, 5]
    assert str(tmp_path / "c") in capsys.readouterr().err
    with pytest.raises(OutputExistsError):
        average(runs, tmp_path / "c")
    average(runs, tmp_path / "c", overwrite=True)
    assert {float(p.mean()) for p in load_model(tmp_path / "c").model.parameters()} == {1.5}


def test_models_that_do_not_match_leave_nothing(tmp_path):
    runs = [saved(tmp_path / "a", 1.0), saved(tmp_path / "b", 2.0, ("alice", "carol"))]
    with pytest.raises(ModelFileError, match="carol"):
        average(runs, tmp_path / "c")
    assert not (tmp_path / "c").exists()


def test_the_average_of_guided_models_names_the_model_of_its_references(tmp_path, capsys):
    options = {"size": 64, "code": 8, "detail": 64}
    for seed, name in enumerate("ab"):
        torch.manual_seed(seed)
        model = filled(build_model("anchored", ("alice", "bob"), options))
        assert isinstance(model, GuidedAutoencoder)
        model.references_of("alice").fill(reference_set(2 + seed, 64, seed))
        meta = ModelMeta("anchored", options, ("alice", "bob"), 1.25, 5)
        save_model(tmp_path / name, model, meta)
    average([tmp_path / "b", tmp_path / "a"], tmp_path / "c")
    assert f"references are those of {tmp_path / 'b'}" in capsys.readouterr().err.replace("\n", " ")
    mean = load_model(tmp_path / "c").model
    assert isinstance(mean, GuidedAutoencoder)
    assert len(mean.references_of("alice")) == 3
