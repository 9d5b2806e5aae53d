"""How soft faces are: the blur that their sharpest edges show.

An edge is compared with itself after a known blur (Zhuo and Sim, Defocus map estimation from a
single image, 2011): the sharper it was, the more of its slope is lost. Unlike the fall-off of the
spectrum, this depends little on what a face shows (beard, glasses, make-up), and on noise.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from faceswap.conversion.detail.blur import gaussian_blur
from faceswap.conversion.detail.luma import luma

_KNOWN_BLUR = 1.0  # standard deviation in pixels
_INNER = 4  # a face without this fraction of its sides: eyes, nose and mouth, no hair
_LARGEST = 4.0  # variance in square pixels: more is a fault of the measurement, not of a lens


def missing_softness(faces: Tensor, targets: Tensor, masks: Tensor) -> Tensor:
    """Variance of the Gaussian blur that makes swapped faces as soft as the frame's own.

    Args:
        faces: Swapped faces, ``(B, 3, S, S) float32 RGB`` in [0, 1].
        targets: The frame's own faces, of the same shape.
        masks: Face masks, ``(B, 1, M, M)`` in [0, 1].

    Returns:
        ``(B,)`` in square pixels of the faces; 0 for faces that are softer already.
    """
    own, wanted, weights = (_inner_part(each) for each in (faces, targets, masks))
    weights = F.interpolate(weights, own.shape[-2:], mode="bilinear", align_corners=False)
    return (blur_variance(wanted, weights) - blur_variance(own, weights)).clamp(0, _LARGEST)


def _inner_part(images: Tensor) -> Tensor:
    margin = images.shape[-1] // _INNER
    inner = slice(margin, images.shape[-1] - margin)
    return images[..., inner, inner]


def blur_variance(images: Tensor, weights: Tensor) -> Tensor:
    """Variance of the blur that the strongest edges of images have.

    Args:
        images: Images, ``(B, 3, H, W) float32 RGB`` in [0, 1].
        weights: Weight of each pixel, ``(B, 1, H, W)``.

    Returns:
        ``(B,)`` in square pixels. A constant part comes from the measured slopes themselves, so
        that only differences have a meaning.
    """
    brightness = luma(images)
    sigmas = torch.full((len(images),), _KNOWN_BLUR, device=images.device)
    slopes = _squared_slopes(brightness)
    blurred = _squared_slopes(gaussian_blur(brightness, sigmas))
    # The fourth power of the slope: a few strong edges count, and texture does not.
    weights = weights[..., 1:-1, 1:-1] * blurred.square()
    before = (weights * slopes).sum((1, 2, 3))
    after = (weights * blurred).sum((1, 2, 3))
    ratio = before / after.clamp_min(1e-20)
    return _KNOWN_BLUR**2 / (ratio - 1).clamp_min(0.02)


def _squared_slopes(images: Tensor) -> Tensor:
    across = images[..., 1:-1, 2:] - images[..., 1:-1, :-2]
    down = images[..., 2:, 1:-1] - images[..., :-2, 1:-1]
    return across.square() + down.square()
