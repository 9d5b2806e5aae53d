import pytest
import torch

from faceswap.conversion.colour.grid_blur import grid_blur


@pytest.mark.parametrize("sigma", [1.0, 2.5])
def test_a_point_becomes_a_gaussian(sigma):
    point = torch.zeros(1, 1, 33, 33)
    point[..., 16, 16] = 1
    blurred = grid_blur(point, sigma)[0, 0]
    offsets = torch.arange(-16.0, 17)
    assert blurred.sum().item() == pytest.approx(1, abs=1e-5)
    for axis in (0, 1):
        variance = (blurred.sum(axis) * offsets.square()).sum().item()
        assert variance**0.5 == pytest.approx(sigma, rel=0.02)


def test_edges_keep_their_brightness():
    even = torch.full((1, 2, 16, 16), 0.3)
    torch.testing.assert_close(grid_blur(even, 2.0), even)
