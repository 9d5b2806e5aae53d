"""Random light: a smooth change of brightness and tint across a face.

Footage shows a face in one light; a model that corrects the light of its references has to see the
same face in others.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_BRIGHTNESS, _TINT, _SLOPE = 0.15, 0.06, 0.2  # standard deviations of the logarithm of the gain


def sample_light(random: np.random.Generator, strength: float) -> NDArray[np.float32]:
    """Samples a light.

    Args:
        random: Random generator.
        strength: Strength; 1 is the default, 0 changes nothing.

    Returns:
        ``(3, 3) float32``: logarithm of each channel's gain in the middle of a crop, and its
        change from there to the right and to the bottom edge.
    """
    brightness, right, down, *tint = random.standard_normal(6) * strength
    middle = _BRIGHTNESS * brightness + _TINT * np.array(tint)
    slopes = np.tile(_SLOPE * np.array([right, down]), (3, 1))
    return np.concatenate([middle[:, None], slopes], 1).astype(np.float32)


def apply_light(images: Tensor, light: Tensor) -> Tensor:
    """Images in another light.

    Args:
        images: Images, ``(B, 3, S, S) float32 RGB`` in [0, 1].
        light: Result of ``sample_light`` for each image, ``(B, 3, 3)``.
    """
    size = images.shape[-1]
    steps = (torch.arange(size, device=images.device) * 2 + 1) / size - 1
    middle, right, down = light[..., None, None].unbind(2)  # (B, 3, 1, 1) each
    gain = (middle + right * steps + down * steps[:, None]).exp()
    return (images * gain).clamp(0, 1)
