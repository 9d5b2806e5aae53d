"""Blur of the small grids on which faces and frames are compared."""

from torch import Tensor
from torchvision.transforms.v2.functional import gaussian_blur


def grid_blur(images: Tensor, sigma: float) -> Tensor:
    """Blurs images with a Gaussian; pixels beyond the edge mirror those inside.

    Args:
        images: Images, ``(B, C, H, W) float32``, with sides of more than three standard deviations.
        sigma: Standard deviation in pixels.
    """
    side = 2 * round(3 * sigma) + 1
    return gaussian_blur(images, [side, side], [sigma, sigma])
