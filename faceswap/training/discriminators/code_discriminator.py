"""Tells from the code of a face whose it is."""

from collections.abc import Sequence
from itertools import pairwise
from math import prod

from torch import Tensor, nn

_WIDTH, _WIDEST = 256, 1024
_SMALLEST = 2  # side of the map on which identities are told apart
_SLOPE = 0.1


class CodeDiscriminator(nn.Module):
    """Classifier of codes by identity: strided convolutions for maps, dense layers for vectors.

    The layers for maps are those of DeepFaceLab: a convolution of 4x4, then of 3x3, all with stride
    2, of 256, 512 and more channels.

    Args:
        shape: Shape of the code of one face, ``(C,)`` or ``(C, H, W)``.
        identities: Number of identities.
    """

    def __init__(self, shape: Sequence[int], identities: int) -> None:
        super().__init__()
        is_map = len(shape) > 1 and min(shape[1:]) >= _SMALLEST
        side = min(shape[1:]) if is_map else 1
        count = max(1, (side - 1).bit_length() - 1) if is_map else 2
        widths = [min(_WIDTH << number, _WIDEST) for number in range(count)]
        first = shape[0] if is_map else prod(shape)
        layers: list[nn.Module] = [] if is_map else [nn.Flatten()]
        for number, (inputs, outputs) in enumerate(pairwise([first, *widths])):
            kernel = 3 if number else 4
            layers.append(
                nn.Conv2d(inputs, outputs, kernel, stride=2, padding=1)
                if is_map
                else nn.Linear(inputs, outputs)
            )
            layers.append(nn.LeakyReLU(_SLOPE))
        last = nn.Conv2d(widths[-1], identities, 1) if is_map else nn.Linear(widths[-1], identities)
        self.layers = nn.Sequential(*layers, last)

    def forward(self, codes: Tensor) -> Tensor:
        """Logits of the identities, ``(F, I, h, w)`` or ``(F, I)``, of codes ``(F, ...)``."""
        return self.layers(codes)
