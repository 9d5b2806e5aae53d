"""Colour statistics of faces, and colour transfer between them as an affine map of RGB.

Reinhard et al. (2001), in the linear opponent space of JPEG (Y, Cb, Cr).
"""

import numpy as np
from numpy.typing import NDArray

_OPPONENT = np.array(
    [[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]]
)
_BACK = np.linalg.inv(_OPPONENT)
_LARGEST_GAIN = 2.0


def colour_statistics(crop: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and standard deviation of a face's colours in opponent space, ``(2, 3) float32``.

    Args:
        crop: Crop, ``(S, S, 6) uint8``: RGB, face mask, and others; every fourth pixel is used.
    """
    small = crop[::4, ::4]
    inside = small[..., 3] > 127
    pixels = small[..., :3][inside] if inside.any() else small[..., :3].reshape(-1, 3)
    colours = pixels.astype(np.float32) / 255 @ _OPPONENT.T
    return np.stack([colours.mean(0), colours.std(0)]).astype(np.float32)


def transfer_matrix(
    source: NDArray[np.float32], target: NDArray[np.float32]
) -> NDArray[np.float32]:
    """The ``(3, 4)`` matrix that maps RGB in [0, 1] from one colour statistics to another."""
    gain = (target[1] / np.maximum(source[1], 1e-3)).clip(1 / _LARGEST_GAIN, _LARGEST_GAIN)
    linear = _BACK @ (gain[:, None] * _OPPONENT)
    shift = _BACK @ (target[0] - gain * source[0])
    return np.c_[linear, shift].astype(np.float32)
