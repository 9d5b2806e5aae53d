"""Captions on images."""

import numpy as np

from faceswap.core.captions import text_mask
from faceswap.media.frame import Image


def titled(image: Image, title: str) -> Image:
    """A copy with a line of text on a dark bar at its lower edge."""
    image = image.copy()
    height, width = image.shape[:2]
    bar, margin = min(height, max(14, width // 18)), round(0.02 * width)
    image[height - bar :] //= 3
    band = image[height - bar :, margin : width - margin]
    mask = text_mask(title, bar, band.shape[1])
    np.maximum(band, mask[..., None], out=band)
    return image
