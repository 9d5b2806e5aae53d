import numpy as np
import pytest
import torch

from faceswap.conversion.swap import sampling


@pytest.mark.parametrize(("channels", "mode"), [(3, "bicubic"), (1, "bilinear")])
@pytest.mark.parametrize("scale", [0.02, 0.005])
def test_opencv_samples_as_torch_does(channels, mode, scale):
    """Also beyond the edges of the crop; larger and smaller than the crop."""
    crop = torch.rand(channels, 64, 64, generator=torch.Generator().manual_seed(0))
    turned = np.array([[0.9, 0.3], [-0.3, 0.9]]) * scale
    matrix = np.c_[turned, [-1.3, -0.9]]
    box = (3, 5, round(2.6 / scale), round(2.2 / scale))
    found = sampling._with_opencv(crop, matrix, box, mode)
    wanted = sampling._with_torch(crop, matrix, box, mode)
    assert found.shape == wanted.shape == (1, channels, box[3] - 5, box[2] - 3)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert wanted.std() > 0.1


def test_a_crop_is_placed_where_its_matrix_says():
    crop = torch.zeros(3, 8, 8)
    crop[1, 2, 5] = 1
    matrix = np.array([[2 / 8, 0, -1 + 0.5 * 2 / 8], [0, 2 / 8, -1 + 0.5 * 2 / 8]])
    shifted = matrix @ np.array([[1, 0, -10], [0, 1, -20], [0, 0, 1]])
    (sampled,) = sampling.sample_box(crop, shifted, (10, 20, 18, 28), "bicubic")
    torch.testing.assert_close(sampled, crop, atol=1e-6, rtol=0)
