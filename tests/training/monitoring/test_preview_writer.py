import logging

import numpy as np
import pytest

from faceswap.media.images import read_image
from faceswap.models.model_file import ModelMeta
from faceswap.provenance.file_provenance import read_provenance
from faceswap.training.monitoring.preview_writer import PreviewWriter

BOB = {"name": "Bob", "basis": "consent", "reference": "release 7"}
META = ModelMeta("small", {}, ("alice", "bob"), 1.25, 0, {"alice": [], "bob": [BOB]})


@pytest.fixture
def image() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)


def test_a_preview_is_signed_as_synthetic(image, tmp_path):
    writer = PreviewWriter(tmp_path / "previews", META)
    for step in (0, 500):
        writer.write(image, step)
    path = tmp_path / "previews" / "step-00000500.jpg"
    found = read_provenance(path)
    assert (found.state, found.place, found.synthetic) == ("intact", "embedded", True)
    assert found.metadata["digital_source_type"].endswith("compositeWithTrainedAlgorithmicMedia")
    assert [action["action"] for action in found.actions] == ["c2pa.created"]
    assert found.ingredients == ()
    assert found.conversion is not None
    assert found.conversion["shows"] == ["alice", "bob"]
    assert found.conversion["model"]["step"] == 500
    assert found.conversion["subjects"]["bob"] == [BOB]
    assert read_image(path).shape == image.shape


def test_without_an_identity_training_continues_without_previews(
    image, tmp_path, monkeypatch, caplog
):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("FACESWAP_CONFIG", str(tmp_path / "file" / "config"))
    writer = PreviewWriter(tmp_path / "previews", META)
    with caplog.at_level(logging.WARNING):
        writer.write(image, 0)
        writer.write(image, 500)
    assert len(caplog.records) == 1
    assert "FACESWAP_CONFIG" in caplog.text
    assert not (tmp_path / "previews").exists()
