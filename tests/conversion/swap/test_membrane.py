"""Membranes against exact solutions."""

import numpy as np
import pytest
import torch

from faceswap.conversion.swap.membrane import fill_membrane


def hole(height: int, width: int) -> torch.Tensor:
    """An irregular hole: an ellipse with an arm, and an island in it."""
    ys, xs = np.mgrid[:height, :width]
    inside = ((xs - width / 2) / (0.4 * width)) ** 2 + (
        (ys - height / 2) / (0.42 * height)
    ) ** 2 < 1
    inside[height // 2 : height // 2 + 6, : width // 2] = True
    inside[height // 3 : height // 3 + 4, width // 2 : width // 2 + 4] = False
    return torch.from_numpy(inside)[None, None]


def test_harmonic_functions_are_found_again():
    """``x * y`` and ``x ** 2 - y ** 2`` satisfy Laplace's equation, also on a grid."""
    ys, xs = torch.meshgrid(torch.arange(90.0) / 90, torch.arange(70.0) / 90, indexing="ij")
    values = torch.stack([xs * ys, xs**2 - ys**2, 0.3 + 0 * xs])[None]
    inside = hole(90, 70)
    inside[..., 0] = False
    filled = fill_membrane(torch.where(inside, 9.0, values), inside, ~inside)
    assert (filled - values * inside).abs().max() < 1e-3


@pytest.mark.parametrize(("height", "width"), [(24, 31), (40, 26)])
def test_noise_at_the_edge_as_the_direct_solution_has_it(height, width):
    values = torch.rand(1, 2, height, width, generator=torch.Generator().manual_seed(0))
    inside = hole(height, width)
    places = inside[0, 0].nonzero().tolist()
    numbers = {tuple(place): number for number, place in enumerate(places)}
    matrix, right = np.zeros((len(places),) * 2), np.zeros((len(places), 2))
    for number, (y, x) in enumerate(places):
        for other in ((y - 1, x), (y + 1, x), (y, x - 1), (y, x + 1)):
            if not (0 <= other[0] < height and 0 <= other[1] < width):
                continue
            matrix[number, number] += 1
            if other in numbers:
                matrix[number, numbers[other]] = -1
            else:
                right[number] += values[0, :, *other].numpy()
    wanted = np.linalg.solve(matrix, right)
    filled = fill_membrane(values, inside, ~inside)[0].permute(1, 2, 0)[inside[0, 0]]
    np.testing.assert_allclose(filled.numpy(), wanted, atol=2e-3)


def test_a_hole_without_anything_beside_it():
    whole = torch.ones(1, 1, 20, 30, dtype=torch.bool)
    filled = fill_membrane(torch.ones(1, 3, 20, 30), whole, whole)
    assert filled.equal(torch.zeros(1, 3, 20, 30))


def test_channels_do_not_depend_on_each_other():
    values = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    inside = hole(64, 64)
    together = fill_membrane(values, inside, ~inside)
    alone = torch.cat([fill_membrane(each, inside, ~inside) for each in values.split(1, 1)], 1)
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=0)


def test_what_is_not_known_has_no_part_in_it():
    """Known values on the left only: the membrane is flat."""
    inside = torch.zeros(1, 1, 40, 50, dtype=torch.bool)
    inside[..., 10:30, 10:40] = True
    known = torch.zeros_like(inside)
    known[..., 10:30, 9] = True
    values = torch.where(known, 0.7, 0.1)
    filled = fill_membrane(values, inside, known)
    torch.testing.assert_close(filled, 0.7 * inside, atol=2e-3, rtol=0)
