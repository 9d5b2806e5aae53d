"""Planned layers see patches of the wanted size."""

import pytest
import torch

from faceswap.training.discriminators.patch_discriminator import PatchDiscriminator
from faceswap.training.discriminators.receptive_field import plan_strides, receptive_field


@pytest.mark.parametrize(
    ("patch", "expected"),
    [(3, 3), (7, 7), (8, 7), (16, 15), (28, 27), (32, 31), (40, 39), (64, 63)],
)
def test_a_patch_output_sees_the_planned_pixels_and_no_others(patch, expected):
    strides = plan_strides(patch)
    assert receptive_field(strides) == expected
    torch.manual_seed(0)
    network = PatchDiscriminator(1, strides, dims=4).double()
    size = 4 * patch
    faces = torch.randn(1, 3, size, size, dtype=torch.double, requires_grad=True)
    patches, pixels = network(faces, torch.zeros(1, dtype=torch.long))
    assert pixels.shape == (1, size, size)
    middle = patches.shape[-1] // 2
    patches[0, middle, middle].backward()
    assert faces.grad is not None
    rows, columns = faces.grad[0].abs().sum(0).nonzero(as_tuple=True)
    assert int(rows.max() - rows.min()) + 1 == expected
    assert int(columns.max() - columns.min()) + 1 == expected


@pytest.mark.parametrize("patch", [3, 5, 20, 28, 100, 320, 640])
def test_no_shorter_plan_is_as_near(patch):
    strides = plan_strides(patch)
    distance = abs(receptive_field(strides) - patch)
    assert distance <= 1
    shorter = plan_strides(patch, most_layers=len(strides) - 1)
    assert abs(receptive_field(shorter) - patch) > distance


def test_the_cheapest_of_equal_plans_is_chosen():
    assert plan_strides(16) == (2, 2, 2)
    assert plan_strides(3) == (2,)
