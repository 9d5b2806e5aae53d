"""Conversion with a model of one target and a crowd."""

import pytest
import torch

from faceswap.conversion.swap.swapper import Swapper
from faceswap.core.errors import IdentityError
from faceswap.media.images import read_image, write_image
from faceswap.models.crowd import CROWD
from faceswap.models.model_file import ModelMeta, load_model, save_model
from faceswap.models.registry import models
from faceswap.provenance.file_provenance import read_provenance
from tests.conversion.shades import shades
from tests.footage import moving_portrait


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a model that decodes black as alice and white as the crowd, and a photo."""
    monkeypatch.setitem(models._entries, "shades", shades)
    model = shades(("alice", CROWD))
    with torch.no_grad():
        for decoder, logit in zip(model.decoders, (-9, 9), strict=True):
            for parameter in decoder.parameters():
                parameter.fill_(logit)
    people = {"alice": [{"name": "Alice"}], CROWD: [{"name": "Ben"}, {"name": "Cleo"}]}
    meta = ModelMeta("shades", {}, model.identities, 1.25, 5, people)
    save_model(tmp_path / "model", model, meta)
    write_image(tmp_path / "photo.png", moving_portrait(0))
    return tmp_path


def test_one_target_needs_no_name(folder, command):
    output = folder / "out.png"
    plain = ("--colour", "none", "--blend", "alpha")
    arguments = ("--model", folder / "model", "-o", output, *plain)
    code, _, said = command(folder / "photo.png", *arguments)
    assert code == 0, said
    assert "Shows alice" in said
    swapped, photo = read_image(output), read_image(folder / "photo.png")
    assert swapped[(swapped != photo).any(2)].mean() < photo[(swapped != photo).any(2)].mean() / 2
    conversion = read_provenance(output).conversion
    assert conversion is not None
    assert conversion["shows"] == ["alice"]
    assert [person["name"] for person in conversion["subjects"][CROWD]] == ["Ben", "Cleo"]


@pytest.mark.parametrize("option", [("--to", CROWD), ("--map", f"largest={CROWD}")])
def test_the_crowd_is_no_target(folder, command, option):
    output = folder / "out.png"
    arguments = ("--model", folder / "model", "-o", output)
    code, _, said = command(folder / "photo.png", *arguments, *option)
    assert code == 2
    assert "no face can be swapped to it" in said
    assert "Use one of alice" in said
    assert not output.exists()
    with pytest.raises(IdentityError, match="no face can be swapped"):
        Swapper(load_model(folder / "model"), to=CROWD)
