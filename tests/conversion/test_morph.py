"""The morph factor of a conversion: what it does to pixels, report and sheets."""

from pathlib import Path

import numpy as np
import pytest
import torch

from faceswap.core.documents import read_json
from faceswap.media.images import read_image
from faceswap.models import build_model
from faceswap.models.amp import MorphingAutoencoder
from faceswap.models.convolution import Output
from faceswap.models.model_file import ModelMeta, save_model

OPTIONS = {"size": 64, "ae_dims": 8, "inter_dims": 8, "e_dims": 2, "d_dims": 2, "d_mask_dims": 2}


@pytest.fixture
def amp(tmp_path) -> Path:
    """A model of the family amp that decodes alice as dark grey, and bob as bright grey."""
    torch.manual_seed(0)
    options = OPTIONS | {"mask": False}
    model = build_model("amp", ["alice", "bob"], options).eval()
    assert isinstance(model, MorphingAutoencoder)
    outputs = [layer for layer in model.modules() if isinstance(layer, Output)]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.abs_()
        for inter, level in zip(model.inters, (0.0, 1.0), strict=True):
            for parameter in inter.parameters():
                parameter.fill_(0.0 if parameter.ndim > 1 else level)
        brightest = model.decode(torch.zeros(1, 8), 1).mean()
        for layer in outputs:
            layer.weight.mul_(6 / brightest)
            layer.bias.fill_(-3.0)
    save_model(tmp_path / "amp", model, ModelMeta("amp", options, model.identities, 1.25, 7))
    return tmp_path / "amp"


def grey(converted: Path, source: Path) -> float:
    image = read_image(converted)
    return float(np.median(image[(image != read_image(source)).any(2)]))


def test_lower_factors_keep_more_of_the_other_identity(amp, convert, tmp_path):
    levels = []
    for factor in ("0", "0.5", "1"):
        output = tmp_path / f"{factor}.png"
        code, said = convert(
            "--model", amp, "-o", output, "--grain", "0", "--set", f"decode.morph={factor}"
        )
        assert code == 0, said
        assert read_json(tmp_path / f"{factor}.png.json")["settings"]["decode"] == {
            "morph": float(factor)
        }
        levels.append(grey(output, tmp_path / "photo.png"))
    assert levels[0] + 20 < levels[1] < levels[2] - 20
    code, _ = convert("--model", amp, "-o", tmp_path / "default.png", "--grain", "0")
    assert code == 0
    assert grey(tmp_path / "default.png", tmp_path / "photo.png") == levels[2]


def test_a_sweep_shows_a_row_of_each_factor(amp, convert, tmp_path):
    code, said = convert(
        "--model", amp, "-o", tmp_path / "out.png", "--sweep", "morph=0.25,1", "--preview", "1"
    )
    assert code == 0, said
    report = read_json(tmp_path / "out.sweep.png.json")
    assert [row["settings"]["decode"]["morph"] for row in report["rows"]] == [0.25, 1]


@pytest.mark.parametrize("options", [["--set", "decode.morph=0.7"], ["--sweep", "morph=0.7,1"]])
def test_models_without_a_morph_factor_refuse_it(run, convert, tmp_path, options):
    code, said = convert("--model", run, "-o", tmp_path / "out.png", *options)
    assert code == 2
    assert "The model 'shades' has no morph factor, found 0.7" in said
    assert "Omit decode.morph" in said
    assert list(tmp_path.glob("out*")) == []


def test_factors_out_of_range_are_refused(amp, convert, tmp_path):
    code, said = convert("--model", amp, "-o", tmp_path / "out.png", "--set", "decode.morph=1.5")
    assert code == 2
    assert "decode.morph" in said
