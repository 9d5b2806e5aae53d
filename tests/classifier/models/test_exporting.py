import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from PIL import Image

from classifier.models import exporting
from faceswap.core.onnx_export import Runner
from faceswap.core.onnx_runtime import open_session

Run = Callable[..., int | str | None]


def as_input(path: Path, size: int) -> np.ndarray:
    image = Image.open(path).resize((size, size), Image.Resampling.LANCZOS)
    return (np.asarray(image, np.float32) / 255).transpose(2, 0, 1)


def read_facts(path: Path) -> dict[str, Any]:
    if path.suffix == ".pt2":
        found: dict[str, Any] = {"classifier.json": ""}
        torch.export.load(path, extra_files=found)
        return json.loads(found["classifier.json"])
    pairs = {prop.key: prop.value for prop in onnx.load(path).metadata_props}
    structured = {"classes", "input", "outputs", "preprocessing"}
    return {name: json.loads(v) if name in structured else v for name, v in pairs.items()}


def test_onnx_runs_without_torch(
    classifier: Run,
    colour_run: Path,
    colours: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / "lenet.onnx"
    assert classifier("export", colour_run, "-o", file) == 0
    assert "on 8 random and 8 real images" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["lenet.onnx"]
    facts = read_facts(file)
    assert facts["classes"] == ["blue", "crème brûlée", "red"]
    assert facts["input"]["shape"] == ["batch", 3, 32, 32]
    assert facts["input"]["framing"] == "the middle square, scaled to 32 x 32"
    assert facts["preprocessing"] == {
        "orientation": "upright, by EXIF",
        "colour_order": "RGB",
        "transparency": "composited onto white",
        "aspect_ratio": "centre crop to the aspect ratio of resize",
        "resize": {"height": 32, "width": 32},
        "interpolation": "lanczos",
        "centre_crop": None,
        "pad": None,
        "value_range": [0.0, 1.0],
        "mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5],
        "normalisation": "inside the network: (value - mean) / std",
        "layout": "NCHW float32",
    }
    session = open_session(file)
    assert [output.name for output in session.get_outputs()] == ["logits", "probabilities"]
    names = [colours / "red" / "00.png", colours / "blue" / "00.png", colours / "red" / "01.png"]
    batch = np.stack([as_input(path, 32) for path in names])
    _, probabilities = session.run(None, {"images": batch})
    assert np.asarray(probabilities).argmax(1).tolist() == [2, 0, 2]
    assert np.asarray(probabilities).sum(1) == pytest.approx(np.ones(3), abs=1e-5)


def test_torch_export_program(
    classifier: Run, perceptron_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "perceptron.pt2"
    assert classifier("export", perceptron_model, "-o", file) == 0
    assert "Add --data to verify it on real images" in capsys.readouterr().err
    logits, probabilities = torch.export.load(file).module()(torch.rand(7, 3, 16, 16))
    assert torch.allclose(logits.softmax(1), probabilities)
    assert logits.shape == (7, 3)
    assert read_facts(file)["network"] == "perceptron"
    with zipfile.ZipFile(file) as archive:
        members = {entry.filename: archive.read(entry) for entry in archive.infolist()}
    assert not [name for name, data in members.items() if data[:2] in (b"PK", b"\x80\x02")]
    assert not [name for name, data in members.items() if b'"use_pickle": true' in data]


def test_pickle_in_a_program_is_found(tmp_path: Path) -> None:
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.rand(1, 2),))
    torch.export.save(program, tmp_path / "with.pt2")
    assert exporting._pickled_members(tmp_path / "with.pt2") == ["with/data/sample_inputs/model.pt"]


def test_pixels(
    classifier: Run, square_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "squares.pt2"
    assert classifier("export", square_run, "-o", file) == 0
    assert read_facts(file)["input"]["shape"] == ["batch", 3, 64, 64]  # 40 x 48, rounded up
    logits, _ = torch.export.load(file).module()(torch.zeros(1, 3, 64, 64))
    assert logits.shape == (1, 2, 64, 64)
    steps = read_facts(file)["preprocessing"]
    assert steps["resize"] == {"height": 40, "width": 48}
    assert (steps["pad"]["height"], steps["pad"]["width"], steps["pad"]["edge"]) == (
        64,
        64,
        "repeat",
    )
    assert classifier("export", square_run, "-o", file) == 2
    assert "exists already" in capsys.readouterr().err
    assert classifier("export", square_run, "-o", file, "--height", 50) == 2
    assert "multiples of 32" in capsys.readouterr().err


@pytest.mark.slow
def test_pixels_as_onnx(classifier: Run, square_run: Path, tmp_path: Path) -> None:
    """Slow: the dense blocks have hundreds of nodes."""
    file = tmp_path / "squares.onnx"
    assert classifier("export", square_run, "-o", file, "--height", 32, "--width", 64) == 0
    session = open_session(file)
    logits, _ = session.run(None, {"images": np.zeros((1, 3, 32, 64), np.float32)})
    assert np.asarray(logits).shape == (1, 2, 32, 64)


def test_export_with_unequal_outputs_is_removed(
    classifier: Run,
    colour_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    read = exporting._runner

    def changed(path: Path) -> Runner:
        run = read(path)
        return lambda images: [output + 0.01 for output in run(images)]

    monkeypatch.setattr(exporting, "_runner", changed)
    assert classifier("export", colour_run, "-o", tmp_path / "x.pt2") == 2
    assert "nothing was written" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
    assert classifier("export", colour_run, "-o", tmp_path / "x.pth") == 2
    assert ".onnx or .pt2" in capsys.readouterr().err
