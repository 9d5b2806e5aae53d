import pytest
import torch
import torch.nn.functional as F

from faceswap.core.area import area_mean


@pytest.mark.parametrize(
    ("height", "width", "side"),
    [(64, 64, 16), (64, 32, 32), (96, 96, 16), (48, 80, 20), (32, 32, 32), (16, 16, 64)],
)
def test_pixels_are_means_of_areas(height: int, width: int, side: int) -> None:
    images = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(0))
    wanted = F.interpolate(images, (side, side), mode="area")
    torch.testing.assert_close(area_mean(images, side), wanted)


def test_images_stay_as_they_are() -> None:
    images = torch.rand(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    area_mean(images, 2).zero_()
    torch.testing.assert_close(images, before)
