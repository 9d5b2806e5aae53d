import numpy as np
import pytest
import torch

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.enhancers import FaceCrops, enhancers
from faceswap.conversion.detail.skin import skin_detail
from faceswap.geometry.landmarks68 import LEFT_EYE, MOUTH, NOSE_TIP
from faceswap.geometry.mean_face import MEAN_FACE

SIZE, COVERAGE = 256, 1.25
UNIT = SIZE / COVERAGE
POINTS = MEAN_FACE[:, :2] * UNIT + SIZE / 2
CHEEK = (slice(100, 130), slice(40, 70))


def pores(seed: int = 0, contrast: float = 0.01) -> torch.Tensor:
    white = torch.randn(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))
    spots = gaussian_blur(white, torch.tensor([0.8]))
    return contrast * spots / spots.std()


def crops(targets: torch.Tensor) -> FaceCrops:
    faces = torch.full((1, 3, SIZE, SIZE), 0.5)
    return FaceCrops(faces, targets, torch.ones(1, 1, SIZE, SIZE), [POINTS], COVERAGE)


def added(targets: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
    shown = crops(targets)
    return (enhancers.get("skin")(strength)(shown) - shown.faces)[0, 0]


def around(points: np.ndarray, radius: int = 4) -> tuple[slice, slice]:
    x, y = points.round().astype(int).tolist()
    return slice(y - radius, y + radius + 1), slice(x - radius, x + radius + 1)


def test_pores_are_carried_over_and_colour_and_light_are_not():
    targets = 0.4 + pores() + torch.linspace(0, 0.2, SIZE)
    targets = targets * torch.tensor([1.2, 1, 0.8]).view(1, 3, 1, 1)
    band = added(targets)[CHEEK]
    fine = pores() - gaussian_blur(pores(), torch.tensor([0.02 * UNIT]))
    wanted = fine[0, 0][CHEEK]
    assert torch.corrcoef(torch.stack([band.flatten(), wanted.flatten()]))[0, 1] > 0.9
    assert 0.5 < band.std() / wanted.std() < 1.1
    assert band.mean().abs() < 0.002


def test_the_strength_is_a_fraction():
    targets = 0.5 + pores().expand(-1, 3, -1, -1)
    torch.testing.assert_close(0.25 * added(targets), added(targets, 0.25), atol=1e-6, rtol=0)


@pytest.mark.parametrize("part", [LEFT_EYE, MOUTH, slice(32, 35), slice(18, 21)])
def test_features_keep_their_own_detail(part):
    targets = 0.5 + pores().expand(-1, 3, -1, -1)
    region = around(POINTS[part].mean(0), 2)
    assert added(targets)[region].abs().max() < 0.1 * added(targets)[CHEEK].abs().max()
    tip = around(POINTS[NOSE_TIP] - [0, 20], 2)
    assert added(targets)[tip].abs().max() > 0.3 * added(targets)[CHEEK].abs().max()


@pytest.mark.parametrize("contrast", [0.15, 0.5])
def test_rims_and_wrinkles_do_not_ghost(contrast):
    """An edge as of a glasses rim leaves less than pores do, and so does the skin beside it."""
    targets = torch.full((1, 3, SIZE, SIZE), 0.6)
    targets[..., 140:143, 60:110] -= contrast
    shown = skin_detail(targets, UNIT)[0, 0, 130:155, 60:110].abs()
    assert shown.max() < 0.01


def test_nothing_is_added_outside_the_mask():
    shown = crops(0.5 + pores().expand(-1, 3, -1, -1))
    shown.masks[..., :150, :] = 0
    result = enhancers.get("skin")(1.0)(shown)
    assert torch.equal(result[..., :150, :], shown.faces[..., :150, :])
    assert not torch.equal(result, shown.faces)
