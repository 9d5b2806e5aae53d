"""Tests of the segmentation masker with a network of known output."""

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from classifier.models import build_network
from classifier.models.formats import InputFormat
from classifier.models.model_file import LoadedClassifier, ModelMeta, load_model, save_model
from classifier.models.network import BuiltNetwork
from faceswap.core.errors import ConfigError
from faceswap.geometry.mean_face import MEAN_FACE
from faceswap.maskers import build_masker
from faceswap.maskers.hull import fill_hull
from faceswap.maskers.segmentation import SegmentationMasker

SIZE = 128
LANDMARKS = 64 * MEAN_FACE[:, :2] + 64
CLASSES = ("background", "skin", "hair", "nose", "eyes", "mouth")


class ByColour(nn.Module):
    """Red pixels are skin, green ones hair, all others background."""

    def forward(self, images: Tensor) -> Tensor:
        red, green, blue = images.unbind(1)
        zero = torch.zeros_like(red)
        return 20 * torch.stack([blue, red, green, zero, zero, zero], 1)


def masker(classes: tuple[str, ...] = CLASSES) -> SegmentationMasker:
    last = nn.Conv2d(6, 6, 1)
    assert last.bias is not None
    with torch.no_grad():
        last.weight.copy_(torch.eye(6)[:, :, None, None])
        last.bias.zero_()
    network = BuiltNetwork(
        nn.Sequential(ByColour(), last),
        InputFormat(64, 3, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
        head="1",
        task="pixels",
    )
    return SegmentationMasker(
        LoadedClassifier(network, ModelMeta("by_colour", {}, 64, classes, (SIZE, SIZE)), "abc")
    )


def crop(colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), colour, np.uint8)


def test_skin_is_face_near_the_landmarks_only():
    (mask,) = masker()([crop((255, 0, 0))], [LANDMARKS], [None])
    assert (mask[fill_hull(SIZE, LANDMARKS) == 255] == 255).all()
    assert mask[:, :5].max() == 0
    assert mask[-5:].max() == 0  # the neck


def test_objects_in_front_of_the_face_are_excluded():
    picture = crop((255, 0, 0))
    picture[:, 64:] = (0, 0, 255)
    (mask,) = masker()([picture], [LANDMARKS], [None])
    assert mask[70, 50] == 255
    assert mask[70, 75] == 0


def test_narrow_gaps_are_closed():
    picture = crop((255, 0, 0))
    picture[60:63] = (0, 0, 255)
    (mask,) = masker()([picture], [LANDMARKS], [None])
    assert mask[61, 64] > 250


def test_hair_at_the_brows_is_face():
    (mask,) = masker()([crop((0, 255, 0))], [LANDMARKS], [None])
    x, y = LANDMARKS[19].round().astype(int)
    assert mask[y, x] == 255
    assert mask[int(LANDMARKS[30, 1]), int(LANDMARKS[30, 0])] == 0


def test_each_crop_gets_its_own_mask():
    first, second = masker()([crop((255, 0, 0)), crop((0, 0, 255))], [LANDMARKS] * 2, [None] * 2)
    assert first.max() == 255
    assert second.max() == 0
    assert masker()([], [], []) == []


@pytest.mark.parametrize("variable", ["FACESWAP_WEIGHTS", "FACESWAP_CACHE"])
def test_a_network_among_the_weights_is_used_without_being_named(
    variable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "empty"))
    monkeypatch.delenv("FACESWAP_WEIGHTS", raising=False)
    monkeypatch.setenv(variable, str(tmp_path))
    built = build_network("fcdensenet56", len(CLASSES), {"growth": 1}, 32)
    meta = ModelMeta("fcdensenet56", {"growth": 1}, 32, CLASSES, (SIZE, SIZE))
    folder = tmp_path / "weights" if variable == "FACESWAP_CACHE" else tmp_path
    save_model(folder / "face_masks", built.module.state_dict(), built, meta)
    found = build_masker("segmentation")
    assert found.facts["mask_model"] == load_model(folder / "face_masks").digest


def test_a_missing_network_is_answered_with_the_commands_that_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FACESWAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FACESWAP_WEIGHTS", str(tmp_path / "weights"))
    with pytest.raises(ConfigError) as caught:
        build_masker("segmentation")
    assert str(tmp_path / "weights" / "face_masks") in caught.value.message
    assert str(tmp_path / "cache" / "weights" / "face_masks") in caught.value.message
    commands = re.findall(r"\(\d\) ([^;]*)", caught.value.hint or "")
    assert len(commands) == 3
    assert commands[0].startswith("python tools/prepare_face_masks.py")
    assert commands[1].startswith("classifier train aligned --config face_masks")
    assert "--mask-model runs/face_masks" in commands[2]


def test_error_messages():
    with pytest.raises(ConfigError, match="does not use a network"):
        build_masker("hull", model=Path("somewhere"))
    with pytest.raises(ConfigError, match="chihuahua, muffin"):
        masker(("chihuahua", "muffin"))
