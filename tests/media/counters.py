"""Frame numbers burnt into pictures as blocks, which survive any codec."""

import numpy as np
from numpy.typing import NDArray

BITS = 10
_BLOCK = 16
SIZE = (BITS // 2 * _BLOCK, 2 * _BLOCK)
"""Width and height of a picture with a counter and nothing else."""


def counter(number: int, width: int = SIZE[0], height: int = SIZE[1]) -> NDArray[np.uint8]:
    """A grey picture with a number in its upper left corner: a white block is a 1."""
    image = np.full((height, width, 3), 128, np.uint8)
    bits = [(number >> place) & 1 for place in range(BITS)]
    rows = np.array(bits, np.uint8).reshape(2, -1) * 200 + 28
    image[: SIZE[1], : SIZE[0]] = np.kron(rows, np.ones((_BLOCK, _BLOCK)))[..., None]
    return image


def read_counter(image: NDArray[np.uint8]) -> int:
    """The number in the upper left corner of a picture."""
    blocks = image[: SIZE[1], : SIZE[0]].reshape(2, _BLOCK, BITS // 2, _BLOCK, -1)
    bits = blocks.mean((1, 3, 4)).ravel() > 128
    return int(sum(1 << place for place, bit in enumerate(bits) if bit))
