"""The verb ``faceswap export``."""

import numpy as np
import pytest
import torch

from faceswap.cli import VERBS
from faceswap.core.command_line import run_program
from faceswap.core.onnx_runtime import open_session
from faceswap.models import build_model
from faceswap.models.model_file import ModelMeta, load_model, save_model

OPTIONS = {"size": 32, "code": 16, "mask": True}


def export(*arguments):
    with pytest.raises(SystemExit) as ended:
        run_program("faceswap", VERBS, "0", ["export", *map(str, arguments)])
    return ended.value.code or 0


@pytest.fixture
def run(tmp_path):
    torch.manual_seed(0)
    model = build_model("small", ("alice", "bob"), OPTIONS)
    meta = ModelMeta("small", OPTIONS, ("alice", "bob"), 1.25, 7)
    save_model(tmp_path / "run" / "model", model, meta)
    return tmp_path / "run"


def test_the_suffix_chooses_the_format(run, tmp_path, capsys):
    assert export(run, "--to", "bob", "-o", tmp_path / "bob.dfm") == 0
    assert export(run, "--to", "bob", "-o", tmp_path / "bob.onnx") == 0
    assert "Verified" in capsys.readouterr().err
    names = [open_session(tmp_path / file).get_inputs()[0].name for file in ("bob.dfm", "bob.onnx")]
    assert names == ["in_face:0", "faces"]
    assert export(run, "--to", "bob", "-o", tmp_path / "bob.bin") == 2
    assert "--format" in capsys.readouterr().err


def test_another_identity_gives_another_face(run, tmp_path):
    faces = np.full((1, 3, 32, 32), 0.5, np.float32)
    found = []
    for name in ("alice", "bob"):
        assert export(run, "--to", name, "-o", tmp_path / f"{name}.onnx") == 0
        session = open_session(tmp_path / f"{name}.onnx")
        found.append(np.asarray(session.run(["face"], {"faces": faces})[0]))
        expected = load_model(run).model.swap(torch.from_numpy(faces), name).face.numpy()
        np.testing.assert_allclose(found[-1], expected, atol=1e-4)
    assert np.abs(found[0] - found[1]).max() > 1e-3


def test_what_is_there_is_kept(run, tmp_path, capsys):
    (tmp_path / "bob.onnx").write_text("mine")
    assert export(run, "--to", "bob", "-o", tmp_path / "bob.onnx") == 2
    assert "exists" in capsys.readouterr().err
    assert (tmp_path / "bob.onnx").read_text() == "mine"
    assert export(run, "-o", tmp_path / "other.onnx") == 2
    assert "alice, bob" in capsys.readouterr().err
    assert export(run, "--to", "carol", "-o", tmp_path / "other.onnx") == 2
    assert not (tmp_path / "other.onnx").exists()


def test_a_model_folder_can_be_exported(run, tmp_path, capsys):
    assert export(run, "--format", "model", "-o", tmp_path / "copy") == 0
    first, copy = load_model(run), load_model(tmp_path / "copy")
    assert copy.meta == first.meta
    assert copy.digest == first.digest
    assert export(run, "--format", "model", "--to", "bob", "-o", tmp_path / "two") == 2
    assert export(run, "--format", "model", "-o", tmp_path / "copy") == 2
