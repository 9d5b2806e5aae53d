"""Colours of another identity's face, by the transfers that conversion has too."""

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceswap.colour.transfer import ColourTransfer, colour_transfers

LINEAR = "linear"
"""Name of the transfer that is an affine map of RGB; see ``colour_statistics``."""

_SIDE = 48  # of the square in which the pixels of a face are laid out


class Recolouring(NamedTuple):
    """Colour transfers of some faces of a batch.

    Attributes:
        method: Name of the transfer.
        chosen: Whether a face is recoloured, ``(I, B) bool``.
        parameters: Parameters of those that are, ``(K, P) float32``.
    """

    method: str
    chosen: Tensor
    parameters: Tensor


def transfer_names() -> list[str]:
    """Names of all colour transfers of a training."""
    return [LINEAR, *(name for name in colour_transfers.names() if name != "none")]


def measure_recolouring(
    method: str,
    faces: NDArray[np.uint8],
    lenders: Sequence[Sequence[NDArray[np.uint8] | None]],
) -> Recolouring:
    """Measures what gives faces the colours of others, inside the face masks.

    Args:
        method: Name of a transfer, except for ``LINEAR``.
        faces: Crops of each identity, ``(I, B, S, S, CHANNELS) uint8``.
        lenders: Crop of the face that lends its colours to each; None for unchanged faces.
    """
    chosen = [[lender is not None for lender in row] for row in lenders]
    pairs = [
        (face, lender)
        for row in zip(faces, lenders, strict=True)
        for face, lender in zip(*row, strict=True)
        if lender is not None
    ]
    transfer = _transfer(method)
    if not pairs:
        return Recolouring(method, torch.tensor(chosen), torch.zeros(0, transfer.count))
    own, other = (
        torch.stack([_pixels(crop) for crop in column]) for column in zip(*pairs, strict=True)
    )
    weights = torch.ones(len(own), 1, _SIDE, _SIDE)
    return Recolouring(method, torch.tensor(chosen), transfer.measure(own, other, weights))


def recolour(images: Tensor, recolouring: Recolouring) -> Tensor:
    """Images of a batch with the chosen ones recoloured.

    Args:
        images: Images, ``(I * B, 3, S, S) float32 RGB`` in [0, 1].
        recolouring: Result of ``measure_recolouring`` for them.
    """
    rows = recolouring.chosen.flatten().nonzero().flatten().to(images.device)
    if not len(rows):
        return images
    parameters = recolouring.parameters.to(images.device)
    changed = _transfer(recolouring.method).apply(images[rows], parameters)
    return images.index_copy(0, rows, changed.clamp(0, 1))


@lru_cache(maxsize=8)
def _transfer(method: str) -> ColourTransfer:
    return colour_transfers.get(method)()


def _pixels(crop: NDArray[np.uint8]) -> Tensor:
    """Pixels all over a face as an image, ``(3, _SIDE, _SIDE)``; transfers know no places."""
    inside = np.flatnonzero(crop[..., 3] > 127)
    if not len(inside):
        inside = np.arange(crop.shape[0] * crop.shape[1])
    some = inside[np.linspace(0, len(inside) - 1, _SIDE * _SIDE).astype(np.int64)]
    values = crop[..., :3].reshape(-1, 3)[some].astype(np.float32) / 255
    return torch.from_numpy(np.ascontiguousarray(values.T)).view(3, _SIDE, _SIDE)
