"""Colour of a face as mean and spread, and the matrix that gives one face the colours of another.

After Reinhard et al. (2001), in the linear opponent space of JPEG (Y, Cb, Cr), where the whole
transfer is one affine map of RGB.
"""

import numpy as np
from numpy.typing import NDArray

_OPPONENT = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
_BACK = np.linalg.inv(_OPPONENT)
_LARGEST_GAIN = 2.0


def colour_statistics(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and standard deviation of a face's colours in opponent space, ``(2, 3)``.

    Args:
        crop: ``(S, S, 5) uint8``: RGB, mask, features; every fourth pixel is looked at.
    """
    small = crop[::4, ::4]
    inside = small[..., 3] > 127
    pixels = small[..., :3][inside] if inside.any() else small[..., :3].reshape(-1, 3)
    colours = pixels.astype(np.float32) / 255 @ _OPPONENT.T
    return np.stack([colours.mean(0), colours.std(0)]).astype(np.float32)


def transfer_matrix(
    source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The ``(3, 4)`` matrix on RGB in [0, 1] that gives ``source`` the statistics of ``target``."""
    gain = (target[1] / np.maximum(source[1], 1e-3)).clip(1 / _LARGEST_GAIN, _LARGEST_GAIN)
    linear = _BACK @ (gain[:, None] * _OPPONENT)
    shift = _BACK @ (target[0] - gain * source[0])
    return np.c_[linear, shift].astype(np.float32)
