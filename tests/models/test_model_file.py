import json

import pytest
import torch

from faceswap.core.errors import ModelFileError
from faceswap.models.autoencoder import FaceAutoencoder
from faceswap.models.model_file import ModelMeta, load_model, save_model
from faceswap.models.registry import models


@pytest.fixture
def model(monkeypatch, tmp_path):
    """A tiny registered model, saved in ``tmp_path / "model"``."""

    def tiny(identities):
        decoders = {name: torch.nn.Conv2d(2, 3, 1) for name in identities}
        return FaceAutoencoder(torch.nn.Conv2d(3, 2, 1), torch.nn.Identity(), decoders, 8, 8)

    monkeypatch.setitem(models._entries, "tiny", tiny)
    built = tiny(("alice", "bob"))
    subjects = {"alice": [{"name": "Alice", "basis": "consent", "reference": "form 3"}]}
    save_model(tmp_path / "model", built, ModelMeta("tiny", {}, built.identities, 1.5, 9, subjects))
    return built


def test_save_and_load_round_trip(model, tmp_path):
    for path in (tmp_path, tmp_path / "model", tmp_path / "model" / "model.json"):
        loaded = load_model(path)
        assert loaded.meta.architecture == "tiny"
        assert loaded.meta.subjects["alice"][0]["basis"] == "consent"
        assert not loaded.model.training
        for name, value in model.state_dict().items():
            assert torch.equal(loaded.model.state_dict()[name], value)
    about = json.loads((tmp_path / "model" / "model.json").read_text())
    assert about["format"] == "faceswap-model"
    assert about["input_size"] == about["output_size"] == 8
    assert loaded.record()["weights_sha256"] == about["weights_sha256"]


def test_saving_again_replaces_the_model_and_keeps_other_files(model, tmp_path):
    (tmp_path / "model" / "notes.txt").write_text("mine")
    with torch.no_grad():
        model.encoder.weight.zero_()
    save_model(tmp_path / "model", model, ModelMeta("tiny", {}, model.identities, 1.5, 10))
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == [
        "model.json",
        "model.safetensors",
        "notes.txt",
    ]
    weights = load_model(tmp_path).model.state_dict()["encoder.weight"]
    assert not weights.any()


def test_damaged_weights_are_rejected(model, tmp_path):
    weights = tmp_path / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    with pytest.raises(ModelFileError, match="do not match"):
        load_model(tmp_path)
    weights.unlink()
    with pytest.raises(ModelFileError, match="missing"):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("not json", "not valid JSON"),
        ('{"format": "other"}', "found the text 'other'"),
        ("[]", "Expected the format"),
        ('{"format": "faceswap-model", "version": 99}', "version 99"),
    ],
)
def test_foreign_files_are_rejected(content, said, tmp_path):
    (tmp_path / "model.json").write_text(content)
    with pytest.raises(ModelFileError, match=said):
        load_model(tmp_path)


def test_paths_without_a_model_are_rejected(tmp_path):
    with pytest.raises(ModelFileError, match="no model"):
        load_model(tmp_path / "nowhere")
    with pytest.raises(ModelFileError, match="not a model"):
        load_model(tmp_path)
    (tmp_path / "weights.pth").write_bytes(b"zip")
    with pytest.raises(ModelFileError, match="not a model"):
        load_model(tmp_path / "weights.pth")
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ModelFileError, match="no model yet"):
        load_model(tmp_path)


def test_weights_of_another_network_are_rejected(model, tmp_path, monkeypatch):
    about_path = tmp_path / "model" / "model.json"
    about = json.loads(about_path.read_text())
    about["identities"] = ["alice", "bob", "carol"]
    about_path.write_text(json.dumps(about))
    with pytest.raises(ModelFileError, match="do not fit"):
        load_model(tmp_path)
