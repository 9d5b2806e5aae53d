import pytest
import torch

from faceswap.conversion.detail.degrade import reduce_colours, reduce_size
from faceswap.conversion.detail.luma import rgb_to_ycc


def gradient() -> torch.Tensor:
    across, down = torch.linspace(0.2, 0.8, 96), torch.linspace(0.3, 0.7, 80)[:, None]
    return torch.stack([across.expand(80, -1), down.expand(-1, 96), across * down])[None]


def wave(period: float) -> torch.Tensor:
    line = 0.5 + 0.3 * torch.sin(torch.arange(96) * 2 * torch.pi / period)
    return line.expand(1, 3, 80, 96)


def test_a_reduced_face_keeps_coarse_structure_and_loses_fine_one():
    # At half strength, 0.6 of the resolution is left: waves of 3.3 pixels are the finest.
    fine, coarse = (reduce_size(wave(period), 0.5).std() for period in (2.5, 24))
    assert fine < 0.2 * wave(2.5).std()
    assert coarse == pytest.approx(wave(24).std().item(), rel=0.05)


def test_stronger_reduction_leaves_less():
    left = [reduce_size(wave(8), strength).std().item() for strength in (0.2, 0.6, 0.8, 1)]
    assert left == sorted(left, reverse=True)
    assert left[-1] < 0.3 * left[0]


def test_luma_comes_in_steps_and_colours_stay_near():
    ycc = rgb_to_ycc(reduce_colours(gradient(), 1))
    before = rgb_to_ycc(gradient())
    assert len((ycc[:, 0] * 12).round(decimals=2).unique()) <= 12
    assert (ycc[:, 0] - before[:, 0]).abs().max() <= 1 / 24 + 1e-5
    assert (ycc[:, 1:] - before[:, 1:]).abs().max() <= 1 / 24 + 0.02


def test_weak_colour_reduction_is_hardly_seen():
    assert (reduce_colours(gradient(), 0.1) - gradient()).abs().max() < 0.02
