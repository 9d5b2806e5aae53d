from contextlib import suppress

import numpy as np
import pytest
import torch

from faceswap.core.ema import EMA
from faceswap.core.errors import ModelFileError
from faceswap.geometry.mesh_shape import LEFT_EYE
from faceswap.models.references import MOST_BYTES, References
from tests.models.guided import reference_set, references


def test_crops_and_masks_come_back():
    chosen = reference_set(side=96)
    kept = References()
    kept.fill(chosen)
    assert (len(kept), kept.side) == (5, 96)
    images = kept.images(96)
    assert images.shape == (5, 4, 96, 96)
    assert images.dtype == torch.uint8
    away = np.abs(images[:, :3].permute(0, 2, 3, 1).numpy().astype(int) - chosen.crops)
    assert away.mean() < 2
    assert away.max() < 16
    assert (images[:, 3] == 200).all()
    assert kept.images(32).shape == (5, 4, 32, 32)
    torch.testing.assert_close(kept.expression, torch.from_numpy(chosen.expression))


def test_another_module_loads_any_number():
    kept, loaded = references(5), references(3)
    loaded.images(64)
    loaded.load_state_dict(kept.state_dict())
    assert torch.equal(loaded.images(64), kept.images(64))
    for name, value in kept.state_dict().items():
        assert torch.equal(loaded.state_dict()[name], value), name


def test_loading_leaves_what_was_loaded_before_alone():
    first, second = references(), References()
    second.fill(reference_set(seed=1))
    loaded, before = References(), first.neutral.clone()
    loaded.load_state_dict(first.state_dict())
    changed = {name: value + 0 for name, value in second.state_dict().items()}
    changed["neutral"] += 1
    loaded.load_state_dict(changed)
    assert torch.equal(first.neutral, before)


def test_a_moving_average_leaves_them_alone():
    kept = references()
    average = EMA(torch.nn.ModuleList([torch.nn.Linear(2, 2), kept]), 0.5)
    averaged = average.module.get_submodule("1")
    known = averaged.get_buffer("jpeg")
    kept.load_state_dict(references(3).state_dict())
    average.update(100)
    assert averaged.get_buffer("jpeg") is known
    assert (len(kept), len(averaged.get_buffer("ends"))) == (3, 5)


def damaged(**changes):
    return {**references().state_dict(), **changes}


DAMAGED = {
    "none": References().state_dict(),
    "meshes of others": damaged(meshes=torch.zeros(4, 478, 2)),
    "meshes of 68 points": damaged(meshes=torch.zeros(5, 68, 2)),
    "not a number": damaged(rotation=torch.full((5, 3, 3), torch.nan)),
    "no neutral mesh": damaged(neutral=torch.zeros(478)),
    "ends beyond the file": damaged(ends=torch.arange(1, 6) * 10**6),
    "ends in disorder": damaged(ends=references().ends.flip(0)),
    "negative ends": damaged(ends=-references().ends),
    "a square of bytes": damaged(jpeg=torch.zeros(8, 8, dtype=torch.uint8)),
    "another type": damaged(jpeg=references().jpeg.float()),
    "more than anybody needs": {
        name: value if name == "neutral" else value[:1].repeat(1025, *[1] * (value.ndim - 1))
        for name, value in references(1).state_dict().items()
        if name not in ("jpeg", "ends")
    }
    | {"jpeg": references(1).jpeg.repeat(1025), "ends": references(1).ends * torch.arange(1, 1026)},
    "meshes far away": damaged(meshes=references().meshes + 10),
    "a huge expression": damaged(expression=references().expression - 10),
    "a rotation that stretches": damaged(rotation=10 * references().rotation),
    "a huge neutral mesh": damaged(neutral=100 * references().neutral),
    "a neutral mesh without extent": damaged(neutral=torch.ones(478, 3)),
    "a flat neutral mesh": damaged(neutral=references().neutral * torch.tensor([0.01, 1, 1])),
    "a scalar": damaged(ends=torch.tensor(5)),
}


@pytest.mark.parametrize("state", DAMAGED.values(), ids=DAMAGED)
def test_what_does_not_fit_together_is_refused(state):
    with pytest.raises(RuntimeError, match="are damaged"):
        References().load_state_dict(state)


def test_references_of_earlier_versions_get_irises():
    filled, loaded = references(), References()
    state = filled.state_dict()
    for name in ("meshes", "expression", "neutral"):
        state[name] = state[name][..., :468, :]
    loaded.load_state_dict(state)
    torch.testing.assert_close(loaded.meshes[:, :468], filled.meshes[:, :468])
    middle = filled.meshes[:, LEFT_EYE.contour].mean(1)
    torch.testing.assert_close(loaded.meshes[:, 468], middle)
    assert loaded.neutral.shape == (478, 3)


def test_a_missing_part_is_refused():
    state = references().state_dict()
    del state["masks"]
    with pytest.raises(RuntimeError, match="masks"):
        References().load_state_dict(state)


@pytest.mark.parametrize("byte", [0, 30, 200])
def test_a_damaged_crop_never_crashes(byte):
    kept = references()
    for value in range(0, 256, 5):
        jpeg = kept.jpeg.clone()
        jpeg[byte : byte + 2] = value
        loaded = References()
        loaded.load_state_dict({**kept.state_dict(), "jpeg": jpeg})
        with suppress(ModelFileError):
            assert loaded.images(16).shape == (5, 4, 16, 16)


def test_a_crop_of_absurd_size_is_refused_before_it_is_decoded():
    kept = references()
    jpeg = kept.jpeg.clone()
    start = bytes(jpeg.numpy()).index(b"\xff\xc0") + 5  # height and width in the frame header
    jpeg[start : start + 4] = torch.tensor([255, 255, 255, 255], dtype=torch.uint8)
    loaded = References()
    loaded.load_state_dict({**kept.state_dict(), "jpeg": jpeg})
    with pytest.raises(ModelFileError, match="damaged"):
        loaded.images(64)


def test_references_beyond_the_memory_are_refused():
    kept = references()
    side = int((MOST_BYTES / 4 / 5) ** 0.5) + 1
    with pytest.raises(ModelFileError, match="too many"):
        kept.images(side)
